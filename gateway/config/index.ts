export { sharedWith } from './folders.ts';
export { GatehouseError, toProblem, type Problem } from './errors.ts';
export { createLogger, type Logger } from './log.ts';
export { readYamlFile } from './yaml-file.ts';
export { loadSettings, reservedFolders, settingNames, type Settings } from './settings.ts';
