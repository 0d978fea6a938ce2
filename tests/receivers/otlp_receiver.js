// Receives OTLP/HTTP on a free loopback port and writes what came in to standard output, one JSON
// value a line. A line "mark N" on standard input is answered with {"mark": N} once everything
// received before it has been written. It ends when standard input does.
//
// usage: node otlp_receiver.js FOLDER    (the folder that has node_modules)
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const {createRequire} = require('node:module');

const load = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'));
const mock = load('@elastic/mockotlpserver');
const {getProtoRoot} = load('@elastic/mockotlpserver/lib/proto');
const {Field} = load('protobufjs');

// The receiver's copy of the protocol is older than events; without this it drops their names.
const LogRecord = getProtoRoot().lookupType('opentelemetry.proto.logs.v1.LogRecord');
if (!LogRecord.fields.eventName) LogRecord.add(new Field('eventName', 12, 'string'));

const write = (value) => fs.writeSync(1, JSON.stringify(value) + '\n');

const server = new mock.MockOtlpServer({
    services: ['http'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    logLevel: 'warn',
    onTrace: (request) => write({signal: 'trace', data: mock.normalizeTrace(request)}),
    onMetrics: (request) => write({signal: 'metrics', data: mock.normalizeMetrics(request)}),
    onLogs: (request) => write({signal: 'logs', data: mock.normalizeLogs(request)}),
});

server.start().then(() => {
    write({url: server.httpUrl.origin});
    readline
        .createInterface({input: process.stdin})
        .on('line', (line) => write({mark: Number(line.split(' ')[1])}))
        .on('close', () => process.exit(0));
});
