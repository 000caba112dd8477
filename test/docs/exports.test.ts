/**
 * Help for every export of `sparselab` and `sparselab/notebook`: each is documented, each value has an example that type-checks, and everything
 * optional documents its default.
 */
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { packageInfo } from "../../lab/package.js";

const { root } = packageInfo();
const modules = { sparselab: "lab/index.ts", "sparselab/notebook": "kernel/notebook/index.ts" } as const;
const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: Object.values(modules) }, ts.sys, root);
const compilerOptions: ts.CompilerOptions = {
  ...options,
  noEmit: true,
  incremental: false,
  noUnusedLocals: false,
  skipLibCheck: true,
};
delete compilerOptions.tsBuildInfoFile;
const files = Object.values(modules).map((file) => join(root, file));
const program = ts.createProgram(files, compilerOptions);
const checker = program.getTypeChecker();

interface Export {
  readonly module: string;
  readonly name: string;
  readonly symbol: ts.Symbol;
}
const exported: Export[] = Object.entries(modules).flatMap(([module, file]) => {
  const symbol = checker.getSymbolAtLocation(program.getSourceFile(join(root, file))!)!;
  return checker.getExportsOfModule(symbol).map((one) => ({
    module,
    name: one.name,
    symbol: one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one,
  }));
});
const text = (symbol: ts.Symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker));
const tagsOf = (symbol: ts.Symbol, name: string) =>
  symbol
    .getJsDocTags(checker)
    .filter((tag) => tag.name === name)
    .map((tag) => ts.displayPartsToString(tag.text));
const values = exported.filter(({ symbol }) => symbol.flags & ts.SymbolFlags.Value);
/** The functions that a value holds as properties: of `plot`, and `corpus.text`. */
const held: Export[] = values.flatMap(({ module, name, symbol }) => {
  if (symbol.flags & ts.SymbolFlags.Class || !["plot", "corpus"].includes(name)) return [];
  const type = checker.getTypeOfSymbol(symbol);
  return type
    .getProperties()
    .filter((property) => property.valueDeclaration && !["prototype"].includes(property.name))
    .map((property) => {
      const declared = checker.getTypeOfSymbol(property).getCallSignatures()[0]?.declaration;
      const own = declared && ts.isFunctionDeclaration(declared) ? checker.getSymbolAtLocation(declared.name!)! : property;
      return { module, name: `${name}.${property.name}`, symbol: own };
    });
});

describe("every export", () => {
  it("are found", () => {
    expect(values.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["load", "measure", "sweep", "FloatSlider", "interact"]),
    );
    expect(held.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["corpus.text", "plot.pareto", "plot.threshold", "plot.sparsityByLayer", "plot.tokenLayer"]),
    );
  });

  it("says what it is", () => {
    const bare = [...exported, ...held].filter(({ symbol }) => text(symbol).trim().length < 10);
    expect(bare.map(({ module, name }) => `${module}: ${name}`)).toEqual([]);
  });

  it("that is a value has an example", () => {
    const bare = [...values, ...held].filter(({ symbol }) => tagsOf(symbol, "example").length === 0);
    expect(bare.map(({ module, name }) => `${module}: ${name}`)).toEqual([]);
  });

  it("that is a function with defaults or options documents the defaults", () => {
    const bare = [...values, ...held].filter(({ symbol }) => {
      const type = checker.getTypeOfSymbol(symbol);
      const optional = type.getCallSignatures().some(({ parameters }) =>
        parameters.some((parameter) => {
          const declared = parameter.valueDeclaration as ts.ParameterDeclaration | undefined;
          if (!declared) return false;
          if (declared.questionToken || declared.initializer) return true;
          if (parameter.name !== "options") return false;
          return checker
            .getTypeOfSymbol(parameter)
            .getProperties()
            .some((property) => property.flags & ts.SymbolFlags.Optional);
        }),
      );
      return optional && tagsOf(symbol, "defaultValue").length === 0;
    });
    expect(bare.map(({ module, name }) => `${module}: ${name}`)).toEqual([]);
  });

  it("that is a record of options documents the default of each optional one", () => {
    const bare = exported
      .filter(({ name }) => /Options$/.test(name) || name === "Where")
      .flatMap(({ name, symbol }) =>
        checker
          .getDeclaredTypeOfSymbol(symbol)
          .getProperties()
          .filter(
            (property) =>
              property.flags & ts.SymbolFlags.Optional &&
              property.valueDeclaration?.parent.parent?.kind === ts.SyntaxKind.SourceFile,
          )
          .filter((property) => !/default/i.test(text(property)))
          .map((property) => `${name}.${property.name}: ${text(property)}`),
      );
    expect(bare).toEqual([]);
  });

  it("has an example whose types hold", () => {
    const examples = [...values, ...held].flatMap(({ name, symbol }) =>
      tagsOf(symbol, "example").map((code) => ({ name, code })),
    );
    const names = (module: string) => exported.filter((one) => one.module === module).map((one) => one.name);
    const source = [
      `import { ${names("sparselab").join(", ")} } from "./lab/index.js";`,
      `import { ${names("sparselab/notebook").join(", ")} } from "./kernel/notebook/index.js";`,
      "declare const model: Model; declare const on: Corpus; declare const direction: Float32Array;",
      'declare const run: Run<"blocks.3.resid_post">; declare const points: Point<"sparsity" | "kl">[];',
      ...examples.map(({ code }, i) => `export async function example${i}() {\n${code}\n}`),
    ].join("\n");
    const path = join(root, "examples.ts");
    const host = ts.createCompilerHost({ ...compilerOptions, verbatimModuleSyntax: false });
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (file) => file === path || fileExists.call(host, file);
    host.readFile = (file) => (file === path ? source : readFile.call(host, file));
    host.getSourceFile = (file, ...rest) =>
      file === path ? ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true) : getSourceFile.call(host, file, ...rest);
    const checked = ts.createProgram([path], { ...compilerOptions, verbatimModuleSyntax: false }, host, program);
    const file = checked.getSourceFile(path)!;
    const faults = [...checked.getSyntacticDiagnostics(file), ...checked.getSemanticDiagnostics(file)].map((one) => {
      const line = file.getLineAndCharacterOfPosition(one.start!).line;
      return `${source.split("\n")[line]}: ${ts.flattenDiagnosticMessageText(one.messageText, " ")}`;
    });
    expect(faults).toEqual([]);
    expect(examples.length).toBeGreaterThan(30);
  });
});
