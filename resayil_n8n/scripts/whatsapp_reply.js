// The model's answer to the customer, and the turns that the next message will see.
const config = $('Config').first().json;
const customer = $('Decide who answers').first().json;
const sorry = { ar: 'نعتذر، لا يمكننا الرد الآن. سيتواصل معك أحد موظفينا قريبًا.', en: 'Sorry, we cannot answer just now. One of our staff will get back to you.' };
return $input.all().map(({ json: answer }) => {
  const { phone, language, person_until, text, turns_before } = customer;
  const turns = answer.ok
    ? [...turns_before, userTurn(text), assistantTurn(answer.text)].slice(-2 * config.remembered_turns)
    : turns_before;
  const outgoing = answer.ok
    ? [{ phone, message: answer.text }]
    : [{ phone, message: sorry[language] }, { phone: config.person_phone, message: `${phone}: ${text}\n(${answer.error.kind})` }];
  return { json: { phone, language, person_until, turns: JSON.stringify(turns), outgoing } };
});
