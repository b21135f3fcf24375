// Runs what the model calls. Put your own functions here; they get the arguments and return any value.
const western = (text) => String(text).replace(/[٠-٩]/g, (digit) => '٠١٢٣٤٥٦٧٨٩'.indexOf(digit));
const functions = {
  order_status: ({ order_id }) =>
    ({ 1024: { state: 'on its way', arrives: 'tomorrow' }, 1025: { state: 'delivered' } })[western(order_id)] ?? { state: 'unknown order' },
  delivery_fee: ({ area }) => ({ area, fee: /سالمية|salmiya/i.test(area) ? '1.500' : '2.000', currency: 'KWD' }),
};

const answer = $input.first().json;
const before = $('Write the request').first().json.body.messages;
const past = $('Run the functions').isExecuted ? $('Run the functions').first().json : {};
const round = $runIndex + 1;
const results = answer.tool_calls.map((call) => ({ ...call, result: call.error ? { error: call.error } : run(call) }));
const calls = [...($runIndex ? past.calls ?? [] : []), ...results.map(({ name, arguments_text, result }) => ({ name, arguments: arguments_text, result }))];
const credits = (answer.credits_estimate ?? 0) + ($runIndex ? past.credits_estimate ?? 0 : 0);
const wanted = answer.ok && results.length > 0;
const again = wanted && round < $('Config').first().json.max_rounds;
const messages = wanted
  ? [...before, assistantTurn(answer.text, answer.tool_calls), ...results.map((call) => resultTurn(call.id, JSON.stringify(call.result)))]
  : before;
const error = wanted && !again ? { kind: 'TooManyRounds', message: `The model still called functions in round ${round}.` } : answer.error;
return [{ json: { again, round, messages, calls, credits_estimate: credits, ok: answer.ok && !error, text: answer.text, error } }];

function run(call) {
  if (!Object.hasOwn(functions, call.name)) return { error: `There is no function ${call.name}.` };
  try {
    return functions[call.name](call.arguments) ?? null;
  } catch (e) {
    return { error: String(e.message ?? e) };
  }
}
