// Reads one reply as the core client does: an answer, another attempt, another model, or an error in words.
const state = $('Count the attempt').first().json;
return $input.all().map((item) => ({ json: next(state, item.json) }));

function next(call, reply) {
  const body = parsed(reply.text);
  const problem = found(call, reply, body);
  if (!problem) return done(call, { ok: true, ...answer(call, body), error: null });
  const elapsed = Date.now() / 1000 - call.started_at;
  const spent = problem.charged && call.attempt >= RULES.charged_attempts;
  if (problem.resend && !spent && call.attempt < call.max_attempts) {
    const seconds = Math.max(problem.retry_after ?? pause(problem, call.attempt), call.least_wait_seconds ?? 0);
    if (elapsed + seconds <= call.retry_budget_seconds) {
      return { ...call, outcome: 'wait', wait_seconds: Math.ceil(seconds * 1000) / 1000 };
    }
  }
  if (problem.other_model && call.fallback_model && !call.fell_back && call.body && call.body.model) {
    return { ...call, outcome: 'other model' };
  }
  const { kind, status, code, message, hint, retry_after } = problem;
  const error = { kind, status, code, message, hint: hint[call.language] ?? hint.en, retry_after: retry_after ?? null };
  return done(call, { ok: false, text: '', tool_calls: [], usage: null, credits_estimate: null, error });
}

function done(call, result) {
  const model = (call.body && call.body.model) || null;
  return { outcome: 'done', finish_reason: null, reply: null, ...result, model, attempts: call.sent };
}

function pause(problem, attempt) {
  if (problem.status === 429) return 60 - ((Date.now() / 1000) % 60) + Math.random();
  return Math.min(2 ** (attempt - 1), RULES.longest_wait) * (1 + 0.25 * Math.random());
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (e) {
    return undefined;
  }
}

function found(call, reply, body) {
  if (reply.failure) return unreached(reply.failure);
  const status = reply.statusCode;
  const text = String(reply.text ?? '').trim();
  if (status >= 300 && status < 400) return odd('UnexpectedContentError', status, 'The service redirects; check the base URL.');
  const page = /^<(!doctype|html|head|body)\b/i.test(text);
  if (status < 300) {
    if (page) return odd('UnexpectedContentError', status, 'A web page came instead of an answer: wrong base URL, or a proxy in between.');
    if (!text) return odd('EmptyResponseError', status, 'The reply is empty.');
    if (body === undefined) return odd('MalformedResponseError', status, 'The reply is not JSON.');
    if (!holdsError(body)) return call.expect === 'answer' ? unanswered(status, body) : null;
  }
  const inner = body && typeof body.error === 'object' && body.error ? body.error : {};
  const code = inner.code ?? inner.type ?? (body && body.code) ?? null;
  const real = status < 300 && code !== null ? RULES.codes[String(code).toLowerCase()] ?? (Number(code) || status) : status;
  const said = page ? 'a web page: wrong base URL, or a proxy in between' : message(body, inner) || text.slice(0, 200);
  const short = real >= 400 && real < 500 && real !== 429 && /\bcredits?\b|رصيد/i.test(`${code} ${said}`);
  const rule = RULES.statuses[short ? 402 : real] ?? RULES.statuses[real >= 500 ? 500 : 400];
  return { ...rule, resend: rule.resend && (real < 500 || String(real) in RULES.statuses), status: real, code, message: said, retry_after: hinted(reply.headers, inner, body) };
}

function holdsError(body) {
  if (body === null || typeof body !== 'object') return false;
  if ((body.error !== undefined && body.error !== null) || body.type === 'error') return true;
  return typeof body.message === 'string' && !['choices', 'content', 'id', 'type', 'data', 'credits'].some((name) => name in body);
}

function message(body, inner) {
  if (!body) return '';
  const said = typeof body.error === 'string' ? body.error : inner.message ?? body.message ?? body.detail ?? '';
  const fields = Object.entries(body.errors ?? {}).map(([name, texts]) => `${name}: ${[].concat(texts).join(' ')}`);
  return [said, fields.join('; ')].filter(Boolean).join(' ').slice(0, 500);
}

function hinted(headers, inner, body) {
  const after = (headers ?? {})['retry-after'];
  const until = (Date.parse(after) - Date.now()) / 1000;
  const hints = [Number((headers ?? {})['retry-after-ms']) / 1000, Number(after), until, Number(inner.retry_after), Number(body && body.retry_after)];
  return hints.find((seconds) => Number.isFinite(seconds) && seconds > 0);
}

function unreached(failure) {
  const before = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].includes(failure.code);
  const closed = failure.code === 'EPIPE' || failure.message === 'socket hang up'; // a reset may come in mid-answer
  const hint = { en: 'Nothing answered at the base URL: check it, and the network.', ar: 'لم يُجب أحد على هذا العنوان: تحقق منه ومن الشبكة.' };
  return { kind: 'APIConnectionError', status: null, code: failure.code, message: failure.message, hint, resend: before || closed, charged: !before };
}

function odd(kind, status, message) {
  const hint = { en: message, ar: 'وصل ردّ لا جواب فيه: تحقق من العنوان ومن النموذج في عقدة Config.' };
  return { kind, status, code: null, message, hint, resend: false };
}

function unanswered(status, body) {
  const { text, tool_calls, finish_reason } = read(body);
  if (text === undefined) return odd('MalformedResponseError', status, 'The reply holds no answer.');
  if (text || tool_calls.length) return null;
  return odd('EmptyResponseError', status, `The answer is empty (finish_reason ${finish_reason}); a higher max_tokens may help.`);
}

function answer(call, body) {
  if (call.expect !== 'answer') return { text: '', tool_calls: [], usage: null, credits_estimate: null, reply: body };
  const { usage, ...rest } = read(body);
  return { ...rest, usage, credits_estimate: usage && usage.total_tokens * rate(call) };
}

function rate(call) {
  const model = call.body.model;
  const bare = model.replace(/[:-]cloud$/, '');
  return Number(call.credits_per_token) || RULES.multipliers[model] || (bare === model ? RULES.local : RULES.cloud);
}

// Both dialects: choices of the chat form, content blocks of the messages form.
function read(body) {
  const choice = Array.isArray(body.choices) ? body.choices[0] : undefined;
  if (choice && choice.message) {
    const calls = choice.message.tool_calls ?? [];
    return {
      text: plain(choice.message.content),
      tool_calls: calls.map((call, n) => tool(call.id || `call_${n}`, call.function.name, call.function.arguments)),
      finish_reason: choice.finish_reason ?? null,
      usage: tokens(body.usage, 'prompt_tokens', 'completion_tokens'),
    };
  }
  if (Array.isArray(body.content)) {
    const calls = body.content.filter((block) => block.type === 'tool_use');
    return {
      text: plain(body.content.filter((block) => block.type === 'text')),
      tool_calls: calls.map((call, n) => tool(call.id || `call_${n}`, call.name, JSON.stringify(call.input ?? {}))),
      finish_reason: { end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', tool_use: 'tool_calls' }[body.stop_reason] ?? body.stop_reason ?? null,
      usage: tokens(body.usage, 'input_tokens', 'output_tokens'),
    };
  }
  return { text: undefined, tool_calls: [], finish_reason: null, usage: null };
}

function plain(content) {
  const text = Array.isArray(content) ? content.map((part) => part.text ?? '').join('') : content ?? '';
  return text.replace(/^\s*<think>[\s\S]*?<\/think>/, '');
}

function tool(id, name, raw) {
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw ?? {});
  const value = text.trim() ? parsed(text) : {};
  const usable = value !== null && typeof value === 'object' && !Array.isArray(value);
  return { id, name, arguments: usable ? value : null, arguments_text: text, error: usable ? null : 'the arguments are not a JSON object' };
}

function tokens(usage, prompt, output) {
  if (!usage || !Number.isFinite(usage[prompt]) || !Number.isFinite(usage[output])) return null;
  return { input_tokens: usage[prompt], output_tokens: usage[output], total_tokens: usage.total_tokens ?? usage[prompt] + usage[output] };
}
