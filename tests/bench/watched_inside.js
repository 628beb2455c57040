// A Node HTTP service that watches its own loop: `watched_inside.js nothing`, or `delay` (perf_hooks'
// monitorEventLoopDelay). GET /blocks/COUNT/SECONDS blocks the loop and answers how long that was, and what the watch
// says of it: the longest delay, since it tells no single ones.
'use strict';
const http = require('http');
const {monitorEventLoopDelay} = require('perf_hooks');

const delays = process.argv[2] === 'delay' ? monitorEventLoopDelay({resolution: 10}) : null;
if (delays) delays.enable();

function block(seconds) {
  const begin = process.hrtime.bigint();
  while (Number(process.hrtime.bigint() - begin) < seconds * 1e9);
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

async function blocks(count, seconds) {
  if (delays) delays.reset();
  const blocked = [];
  for (let i = 0; i < count; ++i) {
    blocked.push(block(seconds));
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return {blocked, told: delays ? [delays.max / 1e9] : []};
}

http.createServer(async (request, response) => {
  const [, name, count, seconds] = request.url.split('/');
  const answer = name === 'blocks' ? await blocks(Number(count), Number(seconds)) : {};
  response.end(JSON.stringify(answer) + '\n');
}).listen(0, '127.0.0.1', function () {
  console.log(JSON.stringify({event: 'ready', pid: process.pid, port: this.address().port}));
});
process.stdin.on('end', () => process.exit()).resume();
