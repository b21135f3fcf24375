// The official `openai` package as a client of the chat dialect.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import OpenAI from "openai";
import { apiKey, baseURL, run, weather, weatherQuestion, weatherReport, wrongKey } from "./cases.mjs";

const model = "llama3.2:3b";
const client = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
const user = (content) => ({ role: "user", content });
const tools = [
  {
    type: "function",
    function: { name: weather.name, description: weather.description, parameters: weather.schema },
  },
];
// A PNG of one pixel.
const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

function assertText(text) {
  assert.equal(typeof text, "string");
  assert.notEqual(text, "");
}

function assertWeatherCall(call) {
  assert.equal(call.function.name, weather.name);
  assert.equal(typeof JSON.parse(call.function.arguments).location, "string");
}

async function chat() {
  const { choices, usage } = await client.chat.completions.create({ model, messages: [user("Hello!")] });
  assertText(choices[0].message.content);
  assert.equal(choices[0].finish_reason, "stop");
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  return choices[0].message.content;
}

async function stream() {
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({
    model,
    messages: [user("Tell me a short story.")],
    stream: true,
    stream_options: { include_usage: true },
  })) {
    chunks.push(chunk);
  }
  const choices = chunks.flatMap((chunk) => chunk.choices);
  assert.equal(choices[0].delta.role, "assistant");
  assert.equal(choices.at(-1).finish_reason, "stop");
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
  const text = choices.map((choice) => choice.delta.content ?? "").join("");
  assertText(text);
  return text;
}

async function streamHelper() {
  const completion = await client.chat.completions
    .stream({ model, messages: [user(weatherQuestion)], tools })
    .finalChatCompletion();
  assertWeatherCall(completion.choices[0].message.tool_calls[0]);
  return completion.choices[0].message;
}

async function toolLoop() {
  const messages = [user(weatherQuestion)];
  const first = (await client.chat.completions.create({ model, messages, tools })).choices[0];
  assert.equal(first.finish_reason, "tool_calls");
  const call = first.message.tool_calls[0];
  assertWeatherCall(call);
  messages.push(first.message, { role: "tool", tool_call_id: call.id, content: weatherReport });
  const second = (await client.chat.completions.create({ model, messages, tools })).choices[0];
  assert.equal(second.finish_reason, "stop");
  assert.ok(second.message.content.includes(weatherReport));
  return second.message.content;
}

async function vision() {
  const content = [
    { type: "text", text: "Describe this image." },
    { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
  ];
  const { choices } = await client.chat.completions.create({
    model: "qwen3-vl:235b-instruct",
    messages: [user(content)],
  });
  assert.match(choices[0].message.content, /PNG.*1×1/);
  return choices[0].message.content;
}

async function arabic() {
  const { choices } = await client.chat.completions.create({ model, messages: [user("ما هي عاصمة مصر؟")] });
  assert.match(choices[0].message.content, /\p{Script=Arabic}/u);
  return choices[0].message.content;
}

async function wrongKeyError() {
  const stranger = new OpenAI({ apiKey: wrongKey, baseURL, maxRetries: 0 });
  const call = stranger.chat.completions.create({ model, messages: [user("Hello!")] });
  await assert.rejects(call, (error) => error instanceof OpenAI.AuthenticationError && error.status === 401);
  return "AuthenticationError";
}

async function unknownModelError() {
  const call = client.chat.completions.create({ model: "no-such-model", messages: [user("Hello!")] });
  await assert.rejects(call, (error) => error instanceof OpenAI.NotFoundError && error.status === 404);
  return "NotFoundError";
}

async function models() {
  const ids = [];
  for await (const item of client.models.list()) ids.push(item.id);
  assert.ok(ids.includes(model));
  return ids.length;
}

// The JavaScript of the multi-turn article.
async function articleSample() {
  const { OpenAI } = createRequire(import.meta.url)("openai");
  const client = new OpenAI({ apiKey, baseURL });
  const chat = await client.chat.completions.create({
    model: "deepseek-v4-flash",
    messages: [
      { role: "system", content: "أنت مساعد ذكي يتحدث العربية." },
      { role: "user", content: "ما هي آخر أخبار التقنية في الشرق الأوسط؟" },
    ],
  });
  assertText(chat.choices[0].message.content);
  return chat.choices[0].message.content;
}

// The JavaScript of the one-page reference.
async function referenceSample() {
  const client = new OpenAI({ apiKey, baseURL });
  const completion = await client.chat.completions.create({
    model: "llama3.2:3b",
    messages: [{ role: "user", content: "Tell me a joke." }],
  });
  assertText(completion.choices[0].message.content);
  return completion.choices[0].message.content;
}

await run({
  chat,
  stream,
  "stream-helper": streamHelper,
  "tool-loop": toolLoop,
  vision,
  arabic,
  "wrong-key": wrongKeyError,
  "unknown-model": unknownModelError,
  models,
  "sample-article": articleSample,
  "sample-reference": referenceSample,
});
