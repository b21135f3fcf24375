// The official `@anthropic-ai/sdk` package as a client of the Messages dialect.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { apiKey, baseURL, run, weather, weatherQuestion, weatherReport, wrongKey } from "./cases.mjs";

const model = "mistral";
const max_tokens = 1024;
// The package adds /v1 itself, so its users leave it out of the base URL.
const client = new Anthropic({ apiKey, baseURL: baseURL.replace(/\/v1$/, ""), maxRetries: 0 });
const user = (content) => ({ role: "user", content });
const tools = [{ name: weather.name, description: weather.description, input_schema: weather.schema }];

function assertText(text) {
  assert.equal(typeof text, "string");
  assert.notEqual(text, "");
}

function assertWeatherCall(message) {
  const call = message.content.find((block) => block.type === "tool_use");
  assert.equal(message.stop_reason, "tool_use");
  assert.equal(call.name, weather.name);
  assert.equal(typeof call.input.location, "string");
  return call;
}

async function greeting(client) {
  const message = await client.messages.create({ model, max_tokens, messages: [user("Hello!")] });
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
  assertText(message.content[0].text);
  return message.content[0].text;
}

const message = () => greeting(client);

// The base URL as the documents print it, which the package turns into /v1/v1/messages.
const documentedBaseURL = () => greeting(new Anthropic({ apiKey, baseURL, maxRetries: 0 }));

async function streamEvents() {
  const types = [];
  for await (const event of await client.messages.create({
    model,
    max_tokens,
    stream: true,
    messages: [user("Write a haiku about coding.")],
  })) {
    types.push(event.type);
  }
  assert.equal(types[0], "message_start");
  assert.ok(types.includes("content_block_delta"));
  assert.deepEqual(types.slice(-2), ["message_delta", "message_stop"]);
  return types.length;
}

async function streamHelper() {
  const stream = client.messages.stream({ model, max_tokens, messages: [user("Write a haiku.")] });
  let text = "";
  stream.on("text", (delta) => (text += delta));
  const final = await stream.finalMessage();
  assertText(text);
  assert.equal(final.content[0].text, text);
  return text;
}

async function streamTools() {
  const stream = client.messages.stream({ model, max_tokens, tools, messages: [user(weatherQuestion)] });
  return assertWeatherCall(await stream.finalMessage());
}

async function toolLoop() {
  const messages = [user(weatherQuestion)];
  const first = await client.messages.create({ model, max_tokens, tools, messages });
  const call = assertWeatherCall(first);
  messages.push(
    { role: "assistant", content: first.content },
    user([{ type: "tool_result", tool_use_id: call.id, content: weatherReport }]),
  );
  const second = await client.messages.create({ model, max_tokens, tools, messages });
  assert.equal(second.stop_reason, "end_turn");
  assert.ok(second.content[0].text.includes(weatherReport));
  return second.content[0].text;
}

async function countTokens() {
  const { input_tokens } = await client.messages.countTokens({ model, messages: [user("ما هو سعر الصرف اليوم؟")] });
  assert.ok(Number.isInteger(input_tokens) && input_tokens > 0);
  return input_tokens;
}

async function wrongKeyError() {
  const stranger = new Anthropic({ apiKey: wrongKey, baseURL: client.baseURL, maxRetries: 0 });
  const call = stranger.messages.create({ model, max_tokens, messages: [user("Hello!")] });
  await assert.rejects(
    call,
    (error) => error instanceof Anthropic.AuthenticationError && error.type === "authentication_error",
  );
  return "AuthenticationError";
}

async function unknownModelError() {
  const call = client.messages.create({ model: "claude-3-sonnet", max_tokens, messages: [user("Hello!")] });
  await assert.rejects(call, (error) => error instanceof Anthropic.NotFoundError && error.type === "not_found_error");
  return "NotFoundError";
}

async function missingMaxTokens() {
  const call = client.messages.create({ model, messages: [user("Hello!")] });
  await assert.rejects(
    call,
    (error) => error instanceof Anthropic.BadRequestError && error.type === "invalid_request_error",
  );
  return "BadRequestError";
}

// The JavaScript of the Messages API document, with the base URL as printed there.
async function documentSample() {
  const client = new Anthropic({ apiKey, baseURL });
  const message = await client.messages.create({
    model: "mistral",
    max_tokens: 1024,
    messages: [{ role: "user", content: "What are the benefits of TypeScript?" }],
  });
  assertText(message.content[0].text);
  return message.content[0].text;
}

await run({
  message,
  "documented-base-url": documentedBaseURL,
  "stream-events": streamEvents,
  "stream-helper": streamHelper,
  "stream-tools": streamTools,
  "tool-loop": toolLoop,
  "count-tokens": countTokens,
  "wrong-key": wrongKeyError,
  "unknown-model": unknownModelError,
  "missing-max-tokens": missingMaxTokens,
  "sample-messages": documentSample,
});
