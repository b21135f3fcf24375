// Figures are checked in thousandths, so that three decimals add up exactly.
const config = $('Config').first().json;
return $input.all().map(({ json: answer }) => {
  if (!answer.ok) return { json: { state: 'failed', problems: [], error: answer.error, credits_estimate: null } };
  return { json: { ...checked(answer.text), credits_estimate: answer.credits_estimate, error: null } };
});

function checked(text) {
  const said = read(text);
  if (!said) return { state: 'unclear', problems: ['The model did not answer with JSON.'], receipt: null };
  const items = (Array.isArray(said.items) ? said.items : []).map((item) => ({ name: String(item.name ?? ''), fils: thousandths(item.amount) }));
  const total = thousandths(said.total);
  const sum = items.reduce((sum, item) => sum + item.fils, 0);
  const problems = [
    Number.isNaN(total) && 'The total cannot be read.',
    items.some((item) => Number.isNaN(item.fils)) && 'An amount cannot be read.',
    items.length > 0 && sum !== total && !Number.isNaN(sum + total) && `The items add up to ${shown(sum)}, the total says ${shown(total)}.`,
    !(said.confidence >= config.least_confidence && said.confidence <= 1) && `Confidence ${said.confidence} is not from ${config.least_confidence} to 1.`,
    said.unclear && String(said.unclear),
  ].filter(Boolean);
  const receipt = {
    shop: said.shop ?? '',
    date: said.date ?? '',
    currency: said.currency ?? '',
    items: items.map((item) => ({ name: item.name, amount: shown(item.fils) })),
    total: shown(total),
    thousandths: Number.isNaN(total) ? null : total,
  };
  return { state: problems.length ? 'unclear' : 'clear', problems, receipt };
}

// The first JSON object in the text, also from within a fence.
function read(text) {
  const start = text.indexOf('{');
  try {
    const value = JSON.parse(text.slice(start, text.lastIndexOf('}') + 1));
    return value && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch (e) {
    return null;
  }
}

// '٣٫٧٥٠', '3.750 KWD', '1,234.5' and '١٬٢٣٤٫٥' as whole thousandths; NaN where it is no amount.
function thousandths(amount) {
  const western = String(amount ?? '')
    .replace(/[٠-٩]/g, (digit) => '٠١٢٣٤٥٦٧٨٩'.indexOf(digit))
    .replace(/[۰-۹]/g, (digit) => '۰۱۲۳۴۵۶۷۸۹'.indexOf(digit))
    .replace(/٫/g, '.')
    .replace(/٬/g, ',');
  const found = western.match(/(?<![\d.,])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,3})?(?![.,]?\d)/);
  if (!found) return NaN;
  const [whole, fraction = ''] = found[0].replace(/,/g, '').split('.');
  const sign = whole.startsWith('-') ? -1 : 1;
  return Number(whole) * 1000 + sign * Number(fraction.padEnd(3, '0'));
}

function shown(fils) {
  return Number.isNaN(fils) ? null : (fils / 1000).toFixed(3);
}
