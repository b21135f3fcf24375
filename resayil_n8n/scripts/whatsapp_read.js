// Number, text and id from where Config says that they stand in a delivery.
const config = $('Config').first().json;
const at = (source, path) => path.split('.').reduce((value, name) => (value === null || value === undefined ? undefined : value[name]), source);
return $input.all().map(({ json }) => {
  const phone = String(at(json.body, config.number_field) ?? '').trim();
  const text = String(at(json.body, config.text_field) ?? '');
  const given = at(json.body, config.id_field);
  // Without an id the same words within a minute count as one delivery.
  const id = given ?? `${phone}|${text}|${Math.floor(Date.now() / 60000)}`;
  const message_id = json.sample ? `${id}-${Date.now()}` : String(id);
  return { json: { usable: Boolean(phone && text.trim()), message_id, phone, text } };
});
