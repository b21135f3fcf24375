// A made-up report, long enough for two parts.
const paragraph =
  'بلغت مبيعات الربع الثالث ١٢٬٥٠٠ دينار كويتي، بزيادة قدرها ٨٪ عن الربع الثاني. هل تكفي هذه الزيادة؟ يرى مدير المتجر أنها بداية جيّدة؛ ' +
  'فقد افتُتح فرعان جديدان في الجهراء والفحيحيل، وتأخّر الثالث شهرين. The online shop grew faster than the branches, though returns rose too. ';
const text = Array.from({ length: 16 }, (_, n) => `${n + 1}. ${paragraph}`).join('\n');
const binary = await this.helpers.prepareBinaryData(Buffer.from(text, 'utf8'), 'report.txt', 'text/plain');
return [{ json: {}, binary: { data: binary } }];
