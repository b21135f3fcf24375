// The balance, plain or wrapped in data; a reply without one is told, not taken for plenty.
const config = $('Config').first().json;
return $input.all().map(({ json: answer }) => {
  const found = answer.ok ? answer.reply.data ?? answer.reply : {};
  const told = found.credits !== null && found.credits !== undefined && found.credits !== '';
  const credits = told && Number.isFinite(Number(found.credits)) ? Number(found.credits) : null;
  const due = credits === null || credits < config.least_credits;
  return { json: { due, credits, least: config.least_credits, tier: found.tier ?? null, error: answer.error } };
});
