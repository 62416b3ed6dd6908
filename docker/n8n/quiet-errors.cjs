'use strict';

/**
 * An external hook file of n8n (EXTERNAL_HOOK_FILES) without hooks. n8n writes the message of a failed node into its log
 * and its event log, and a message can quote what a person wrote. Both get the class of the error instead, as n8n itself
 * does for errors that are not its own; the whole error stays with the execution, which is deleted in time.
 */
const { ErrorReporter } = require.main.require('n8n-core');
const { MessageEventBus } = require.main.require('../dist/eventbus/message-event-bus/message-event-bus');

const { error: report } = ErrorReporter.prototype;
const { sendWorkflowEvent: send } = MessageEventBus.prototype;

ErrorReporter.prototype.error = function (error, options) {
  const ofNode = options?.extra?.nodeName !== undefined && error instanceof Error;
  return report.call(this, ofNode ? withoutWords(error) : error, options);
};

MessageEventBus.prototype.sendWorkflowEvent = function (options) {
  const { errorMessage: _words, ...payload } = options.payload ?? {};
  return send.call(this, { ...options, payload });
};

function withoutWords(error) {
  const quiet = new Error(error.name);
  quiet.name = error.name;
  const frames = String(error.stack).split('\n');
  quiet.stack = frames.filter((line) => /^\s+at\s/.test(line)).join('\n');
  return quiet;
}

module.exports = {};
