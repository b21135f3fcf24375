// One message in both languages.
return $input.all().map(({ json }) => ({ json: { text: json.failure ? failed(json) : balance(json) } }));

function failed({ workflow, node, message, address }) {
  return [`⚠️ فشل سير العمل / workflow failed: ${workflow}`, node && `العقدة / node: ${node}`, message, address].filter(Boolean).join('\n');
}

function balance({ credits, least, error }) {
  if (credits === null) return `⚠️ تعذّرت قراءة الرصيد / the balance could not be read: ${error ? `${error.kind}: ${error.message}` : 'no figure in the reply'}`;
  return `⚠️ الرصيد المتبقي ${credits}، أقل من ${least}. / ${credits} credits left, below ${least}.`;
}
