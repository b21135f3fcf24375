// Parts of at most so many characters, cut at sentence ends; joined again they are the document, letter for letter.
const config = $('Config').first().json;
const parts = cut(String($input.first().json.text ?? ''), config.chunk_characters);
if (parts.length === 0) throw new Error('The document holds no text; a scanned PDF needs a vision model.');
if (parts.length > config.most_chunks) throw new Error(`The document has ${parts.length} parts, more than most_chunks (${config.most_chunks}). Nothing was sent.`);
return parts.map((chunk) => ({ json: { chunk } }));

function cut(text, most) {
  // Up to and with the mark that ends a sentence (not within 3.750 or 12,500) and the space after it.
  const sentences = text.match(/[\s\S]+?(?:[.!?؟؛۔…]+["'»”)\]]*(?=\s|$)\s*|\n+|$)/g) ?? [];
  const pieces = sentences.flatMap((sentence) => split(sentence, most));
  const parts = [];
  for (const piece of pieces) {
    const last = parts.length - 1;
    if (last >= 0 && parts[last].length + piece.length <= most) parts[last] += piece;
    else parts.push(piece);
  }
  return parts.filter((part) => part.trim());
}

// A sentence longer than a part is cut after a space, else between two letters, never inside one or before its marks.
function split(sentence, most) {
  const pieces = [];
  let rest = sentence;
  while (rest.length > most) {
    let end = rest.lastIndexOf(' ', most - 1) + 1;
    if (end === 0) {
      end = most;
      while (end > 1 && /[\p{M}\uDC00-\uDFFF\u200D]/u.test(rest[end])) end -= 1;
    }
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return rest ? [...pieces, rest] : pieces;
}
