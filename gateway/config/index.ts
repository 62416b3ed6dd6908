export { GatehouseError, toProblem, type Problem } from './errors.ts';
export { createLogger, type Logger } from './log.ts';
export { readYamlFile } from './yaml-file.ts';
export { loadSettings, settingNames, type Settings } from './settings.ts';
