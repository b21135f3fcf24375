// One item per message to send.
const source = $('Write the reply').isExecuted ? $('Write the reply') : $('Hand over to a person');
return source.first().json.outgoing.map((message) => ({ json: message }));
