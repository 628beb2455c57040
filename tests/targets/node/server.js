// A Node HTTP server. Obeys on stdin: `block SECONDS KIND`, `burst COUNT SECONDS PAUSE`, `state`, `quit`; and answers
// GET /block/SECONDS/KIND. Says in lines of JSON what it did, and when on CLOCK_MONOTONIC. `server.js WORKERS` has so
// many worker threads besides, each with a loop of its own, that compute a known sum again and again.
'use strict';
const childProcess = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const readline = require('readline');
const {Worker, isMainThread, parentPort} = require('worker_threads');

function sum() {
  return crypto.createHash('sha256').update(Buffer.alloc(20000, 'x')).digest('hex');
}

function computeAgainAndAgain() {
  const expected = sum();
  setInterval(() => parentPort.postMessage(sum() === expected), 5);
}

let work = 0;
let signals = 0;
let rounds = 0;  // Of the workers.
let wrong = 0;
process.on('SIGUSR2', () => { ++signals; });

function now() {
  return Number(process.hrtime.bigint());  // CLOCK_MONOTONIC in nanoseconds: below 2^53 for 104 days of uptime.
}

function blockCpu(seconds) {
  const end = now() + seconds * 1e9;
  while (now() < end);
}

function blockPbkdf2(seconds) {
  const end = now() + seconds * 1e9;
  while (now() < end) crypto.pbkdf2Sync('secret', 'salt', 50000, 64, 'sha512');
}

function blockExec(seconds) {
  childProcess.execSync(`sleep ${seconds}`);
}

function blockFifo(seconds) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pyleak-node-'));
  const fifo = path.join(directory, 'fifo');
  childProcess.execFileSync('mkfifo', [fifo]);
  childProcess.spawn('sh', ['-c', 'sleep "$0"; echo written > "$1"', String(seconds), fifo]);
  fs.readFileSync(fifo);
  fs.rmSync(directory, {recursive: true});
}

let heap = [];

function blockGrow() {
  heap = Array.from({length: 500000}, (_, i) => ({i}));
}

function blockCollect(seconds) {  // Full collections one after the other; under node --expose-gc.
  const end = now() + seconds * 1e9;
  while (now() < end) gc();
}

const kinds = {cpu: blockCpu, grow: blockGrow, collect: blockCollect, pbkdf2: blockPbkdf2, exec: blockExec, fifo: blockFifo};

function block(seconds, kind) {
  const begin = now();
  kinds[kind](Number(seconds));
  return {event: 'block', kind, begin_ns: begin, end_ns: now(), pid: process.pid, tid: process.pid, stack: null};
}

function say(fact) {
  fs.writeSync(1, JSON.stringify(fact) + '\n');
}

async function burst(count, seconds, pause) {
  const blocks = [];
  for (let i = 0; i < Number(count); ++i) {
    blocks.push(block(seconds, 'cpu'));
    await new Promise(resolve => setTimeout(resolve, Number(pause) * 1000));
  }
  return {event: 'burst', blocks};
}

async function obey(line) {
  const [name, ...words] = line.split(' ');
  if (name === 'block') say(block(...words));
  else if (name === 'burst') say(await burst(...words));
  else if (name === 'state') say({event: 'state', signals, work, rounds, wrong});
  else process.exit(name === 'quit' ? 0 : 1);
}

function serve() {
  const server = http.createServer((request, response) => {
    const [, name, ...words] = request.url.split('/');
    response.end(JSON.stringify(name === 'block' ? block(...words) : {event: 'page'}) + '\n');
  });

  setInterval(() => { ++work; }, 10);
  for (let i = 0; i < Number(process.argv[2] || 0); ++i) {
    new Worker(__filename).on('message', right => { ++rounds; wrong += !right; });
  }
  readline.createInterface({input: process.stdin}).on('line', obey).on('close', () => process.exit(0));
  server.listen(0, '127.0.0.1', () => {
    const {pid, version} = process;
    say({event: 'ready', loop: 'node', pid, tid: pid, port: server.address().port, version});
  });
}

if (isMainThread) serve(); else computeAgainAndAgain();
