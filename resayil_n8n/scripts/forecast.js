// What the call may cost at most: the prompt as counted, or as estimated from its letters, and the longest answer.
const config = $('Config').first().json;
const counted = $input.first().json;
const prompt = count(counted.reply) ?? letters(`${config.instructions}${config.question}`);
const most = (prompt + config.max_tokens) * rate(config.model);
const uncounted = !counted.ok && ![404, 405, 422, 501].includes(counted.error.status);
const dear = `This call may cost ${most} credits (estimated), and budget_credits is ${config.budget_credits}. Nothing was sent.`;
const error = uncounted ? counted.error : most > config.budget_credits ? { kind: 'BudgetExceededError', message: dear } : null;
const counted_by = count(counted.reply) === undefined ? 'estimate' : 'service';
return [{ json: { within: !error, most, budget: config.budget_credits, prompt_tokens: prompt, counted_by, estimated: true, error } }];

function count(reply) {
  const sources = [reply ?? {}, (reply && reply.usage) ?? {}];
  const found = sources.flatMap((source) => ['input_tokens', 'token_count', 'total_tokens', 'tokens'].map((name) => source[name]));
  return found.find((value) => Number.isInteger(value));
}

function letters(text) {
  const kinds = [
    ['marks', /[\u064B-\u065F\u0670\u06D6-\u06ED\u0640]/],
    ['arabic', /[\u0620-\u06FF]/],
    ['latin', /[A-Za-z]/],
    ['digits', /[0-9]/],
    ['space', /\s/],
  ];
  const tokens = [...text].map((letter) => MOST[(kinds.find(([, pattern]) => pattern.test(letter)) ?? ['other'])[0]]);
  return Math.ceil(tokens.reduce((sum, each) => sum + each, 40));
}

function rate(model) {
  const bare = model.replace(/[:-]cloud$/, '');
  return Number(config.credits_per_token) || PRICES.multipliers[model] || (bare === model ? PRICES.local : PRICES.cloud);
}
