// JavaScript under twenty frames. Answers on stdin's `pauses SECONDS` how long it did not get on meanwhile, by its own
// CLOCK_MONOTONIC in nanoseconds. `subject.js MODULE`: meanwhile a worker takes a stack every 0.2 s, by
// @sentry-internal/node-native-stacktrace, which is at MODULE.
'use strict';
const fs = require('fs');
const {Worker} = require('worker_threads');

const FRAMES = 20;
const SHORTEST_PAUSE_NS = 20000;  // A turn of the loop below takes a hundredth of this.

function now() {
  return Number(process.hrtime.bigint());
}

function deep(frames, work, argument) {
  return frames > 1 ? deep(frames - 1, work, argument) : work(argument);
}

function pauses(seconds) {
  let longest = 0;
  let last = now();
  const end = last + seconds * 1e9;
  while (last < end) {
    const time = now();
    if (time - last > SHORTEST_PAUSE_NS) longest = Math.max(longest, time - last);
    last = time;
  }
  return {event: 'pauses', longest_ns: longest};
}

function readLine() {
  const byte = Buffer.alloc(1);
  let line = '';
  while (fs.readSync(0, byte, 0, 1) === 1 && byte[0] !== 10) line += byte.toString();
  return line;
}

function obey() {
  console.log(JSON.stringify({event: 'ready', pid: process.pid}));
  for (let line = readLine(); line; line = readLine()) {
    fs.writeSync(1, JSON.stringify(deep(FRAMES, pauses, Number(line.split(' ')[1]))) + '\n');
  }
  process.exit();
}

const stacktrace = process.argv[2];
if (stacktrace) {
  require(stacktrace).registerThread();
  new Worker(`setInterval(() => require(${JSON.stringify(stacktrace)}).captureStackTrace(), 200)`, {eval: true})
    .on('online', obey);
} else {
  obey();
}
