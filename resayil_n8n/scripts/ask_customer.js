// What the customer reads where the photo was no use; the reasons stay in `problems`.
const { language } = $('Config').first().json;
const words = {
  ar: {
    unclear: 'لم نتمكن من قراءة الإيصال كاملًا. هل يمكنك إرسال صورة أوضح، أو كتابة المجموع كما هو مطبوع؟',
    refused: 'أرسل الإيصال كصورة من نوع PNG أو JPEG من فضلك.',
    failed: 'تعذّرت القراءة الآن، وسنعاود المحاولة قريبًا.',
  },
  en: {
    unclear: 'We could not read the whole receipt. Could you send a sharper photo, or write the total as it is printed?',
    refused: 'Please send the receipt as a PNG or JPEG picture.',
    failed: 'It could not be read just now; we will try again soon.',
  },
};
return $input.all().map(({ json }) => ({ json: { ...json, ok: false, text: (words[language] ?? words.en)[json.state] } }));
