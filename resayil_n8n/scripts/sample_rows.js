// Twenty-five messages of customers, made up.
const messages = [
  'وصلني الطلب ناقصًا، وهذه المرة الثانية!',
  'متى تفتحون يوم الجمعة؟',
  'شكرًا جزيلًا على السرعة والأدب 🌹',
  'The delivery was late and the box was "open".',
  'هل عندكم توصيل إلى الجهراء؟',
];
return Array.from({ length: 25 }, (_, n) => ({ json: { row_id: String(n + 1), input: messages[n % messages.length] } }));
