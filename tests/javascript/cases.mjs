// Runs named cases in order against BASE_URL and prints one JSON line for each.

export const baseURL = process.env.BASE_URL;
export const apiKey = process.env.API_KEY;
export const wrongKey = "sk-not-a-key";

export const weather = {
  name: "get_weather",
  description: "Get the current weather for a given location.",
  schema: {
    type: "object",
    properties: {
      location: { type: "string", description: "City and country, e.g. London, UK" },
      unit: { type: "string", enum: ["celsius", "fahrenheit"] },
    },
    required: ["location"],
  },
};
export const weatherQuestion = "What is the weather in Kuwait City?";
export const weatherReport = "Currently 38C and sunny in Kuwait City.";

export async function run(cases) {
  for (const [name, act] of Object.entries(cases)) {
    const outcome = await act().then(
      (detail) => ({ ok: true, detail }),
      (error) => ({ ok: false, detail: String(error?.stack ?? error) }),
    );
    console.log(JSON.stringify({ case: name, ...outcome }));
  }
}
