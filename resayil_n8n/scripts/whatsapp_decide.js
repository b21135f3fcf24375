// The customer's language, and whether the model or a person answers.
const config = $('Config').first().json;
const { phone, text } = $('Read the message').first().json;
const known = $input.first().json;
const count = (pattern) => (text.match(pattern) ?? []).length;
const arabic = count(/\p{Script=Arabic}/gu);
const latin = count(/\p{Script=Latin}/gu);
const language = arabic === latin ? known.language || config.language : arabic > latin ? 'ar' : 'en';
const now = Date.now();
const asked = new RegExp(config.person_words, 'iu').test(text);
const with_person = now < Number(known.person_until || 0);
const person_until = String(asked ? now + config.person_hours * 3600000 : Number(known.person_until || 0));
const turns_before = past(known.turns).slice(-2 * config.remembered_turns);
const instructions = config.instructions.replaceAll('{language}', language === 'ar' ? 'Arabic' : 'English');
return [{ json: { who: asked || with_person ? 'person' : 'model', asked, phone, text, language, person_until, turns_before, instructions } }];

function past(turns) {
  try {
    return JSON.parse(turns) || [];
  } catch (e) {
    return [];
  }
}
