// The loyalty function: put a call to your own system here. Points come from code, never from a model.
const config = $('Config').first().json;
return $input.all().map(({ json }) => {
  const points = Math.floor((json.receipt.thousandths * config.points_per_unit) / 1000);
  const { total, currency } = json.receipt;
  const text =
    config.language === 'ar'
      ? `شكرًا لك! سُجّل إيصالك بمبلغ ${total} ${currency} وحصلت على ${points} نقطة.`
      : `Thank you! Your receipt of ${total} ${currency} is recorded; you get ${points} points.`;
  return { json: { ...json, ok: true, points, text } };
});
