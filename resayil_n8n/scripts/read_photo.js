// The photo as a data URL; its type is told by its first bytes, not by its name.
const SIGNS = { 'image/png': '89504e47', 'image/jpeg': 'ffd8ff', 'image/gif': '47494638', 'image/webp': '52494646' };
const config = $('Config').first().json;
const item = $input.first();
const name = Object.keys(item.binary ?? {})[0];
if (!name) return [refused('There is no file in the upload.')];
const bytes = await this.helpers.getBinaryDataBuffer(0, name);
const start = bytes.subarray(0, 4).toString('hex');
const type = Object.keys(SIGNS).find((type) => start.startsWith(SIGNS[type]));
if (!type) return [refused('The file is not a PNG, JPEG, GIF or WebP picture.')];
if (bytes.length > config.max_image_bytes) return [refused(`The picture has ${bytes.length} bytes, more than ${config.max_image_bytes}.`)];
const caption = (item.json.body && item.json.body.caption) || 'الإيصال المرفق / the attached receipt';
return [{ json: { state: 'picture', caption, data_url: `data:${type};base64,${bytes.toString('base64')}` } }];

function refused(reason) {
  return { json: { state: 'refused', problems: [reason], error: { kind: 'ImageError', message: reason } } };
}
