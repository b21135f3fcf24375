// One row as the checkpoint keeps it. Without credits or with a wrong key no other row would do better.
const STOPPING = ['AuthenticationError', 'InsufficientCreditsError', 'PermissionDeniedError'];
const row = $('Take one row').first().json;
return $input.all().map(({ json: answer }) => {
  const error = answer.error ? `${answer.error.kind}: ${answer.error.message}` : '';
  const status = answer.ok ? 'ok' : 'failed';
  const line = [row.row_id, row.input, answer.text, status, error].map((field) => `"${String(field).replaceAll('"', '""')}"`).join(',') + '\n';
  const go_on = !(answer.error && STOPPING.includes(answer.error.kind));
  return { json: { row_id: String(row.row_id), input: row.input, answer: answer.text, status, error, line, go_on } };
});
