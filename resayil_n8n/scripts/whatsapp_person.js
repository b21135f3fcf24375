// A person is told, and the customer once; while the person has taken over, the model is silent.
const config = $('Config').first().json;
const notice = { ar: 'سنحوّلك الآن إلى أحد موظفينا، شكرًا لصبرك.', en: 'We are handing you over to one of our staff. Thank you for waiting.' };
return $input.all().map(({ json: { phone, language, person_until, text, turns_before, asked } }) => {
  const told = asked ? [{ phone, message: notice[language] }] : [];
  const outgoing = [...told, { phone: config.person_phone, message: `${phone}: ${text}` }];
  return { json: { phone, language, person_until, turns: JSON.stringify(turns_before), outgoing } };
});
