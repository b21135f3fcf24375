// The parts' summaries in order; one that failed fails the whole, since a summary with a hole misleads.
const answers = $input.all().map((item) => item.json);
const broken = answers.findIndex((answer) => !answer.ok);
const credits_estimate = answers.reduce((sum, answer) => sum + (answer.credits_estimate ?? 0), 0);
const error = broken < 0 ? null : { ...answers[broken].error, part: broken + 1 };
const parts = answers.map((answer, n) => `[${n + 1}] ${answer.text}`).join('\n\n');
return [{ json: { ok: broken < 0, parts, chunks: answers.length, credits_estimate, error } }];
