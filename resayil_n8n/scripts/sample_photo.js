// A small receipt, drawn for this purpose.
const binary = await this.helpers.prepareBinaryData(Buffer.from(PICTURE, 'base64'), 'receipt.png', 'image/png');
return [{ json: { caption: '' }, binary: { data: binary } }];
