import { Command } from 'commander';
import { loadCatalogue } from '../../catalogue/index.ts';
import { coverageBar, opaVersion, runRuleTests, runTables, loadBuiltRules } from '../../policy/index.ts';
import { exitCodes, printJson } from '../output.ts';
import { folderHelp, policiesFolder } from './folder.ts';
import { installHelp, opaProgram, type OpaChoice } from './opa.ts';

/** `gatehouse policy test`: the tests of rules with their coverage, and the tables on the rules as they are built. */
export function policyTestCommand(): Command {
  return new Command('test')
    .description('run policies/*/*_test.rego and the tables of policies/tests')
    .argument('[folder]', folderHelp)
    .option('--opa <program>', `an OPA ${opaVersion} of your own`)
    .option('--install', installHelp)
    .option('--json', 'print the results as JSON')
    .action(async (named: string | undefined, options: OpaChoice & { json?: boolean }) => {
      const policiesDir = policiesFolder(named);
      const opa = await opaProgram(options);
      const rules = await runRuleTests(opa, policiesDir);
      const tables = await runTables(
        policiesDir,
        loadCatalogue(policiesDir),
        await loadBuiltRules(policiesDir, new Date()),
      );
      const failed = [...rules.results, ...tables].filter(({ problem }) => problem !== null);
      const { coverage } = rules;
      const covered = coverage !== null && coverage >= coverageBar;
      if (failed.length > 0 || !covered) process.exitCode = exitCodes.failed;
      if (options.json) return printJson({ ...rules, tables, bar: coverageBar });
      for (const { where, says, problem } of failed)
        process.stdout.write(`FAIL  ${where}  ${says}: ${problem}\n`);
      if (!covered)
        for (const where of rules.uncovered) process.stdout.write(`MISS  ${where}  no test comes here\n`);
      const count = (results: readonly unknown[]): string =>
        `${results.length} ${results.length === 1 ? 'test' : 'tests'}`;
      process.stdout.write(
        `${count(rules.results)} of rules, ${count(tables)} in tables, ${failed.length} failed. ` +
          (coverage === null
            ? 'Coverage is measured once none fails.\n'
            : `The shipped rules are covered to ${coverage.toFixed(1)} % (at least ${coverageBar} %).\n`),
      );
    });
}
