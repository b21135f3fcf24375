// What the two calls have shown.
const config = $('Config').first().json;
const list = $('List the models').first().json;
const chat = $('Ask the model').isExecuted ? $('Ask the model').first().json : null;
const ids = ((list.reply && list.reply.data) || []).map((model) => model.id ?? model);
const last = chat ?? list;
return [
  {
    json: {
      healthy: Boolean(chat && chat.ok),
      models: ids.length,
      model: config.model,
      model_listed: ids.includes(config.model),
      answer: chat ? chat.text : '',
      usage: chat ? chat.usage : null,
      credits_estimate: chat ? chat.credits_estimate : null,
      estimated: true,
      problem: last.error ? { ...last.error, at: chat ? 'Ask the model' : 'List the models' } : null,
    },
  },
];
