/** Reads callgrind's file: the instructions of each function itself, without those of its callees. */

/** Function name -> instructions. Costs are those of the first event, Ir. */
export function parseCallgrind(text: string): Map<string, number> {
  const names = new Map<string, string>(); // "(12)" -> name: a name is written once and then called by its number
  const costs = new Map<string, number>();
  const nameOf = (field: string): string => {
    const [, id, name] = /^(\(\d+\))(?: (.*))?$/.exec(field) ?? [undefined, undefined, undefined];
    if (id === undefined) return field;
    if (name !== undefined) names.set(id, name);
    const known = names.get(id);
    if (known === undefined) throw new Error(`callgrind's file has no name for function ${id}`);
    return known;
  };
  let current: string | undefined;
  let called = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("fn=")) current = nameOf(line.slice(3));
    else if (line.startsWith("cfn=")) nameOf(line.slice(4));
    else if (line.startsWith("calls=")) called = true;
    else if (/^[+\-*\d]/.test(line) && current !== undefined) {
      // A line of cost: where, then how much. After `calls=` it is what was called, which has lines of its own.
      if (!called) costs.set(current, (costs.get(current) ?? 0) + Number(line.split(" ")[1] ?? 0));
      called = false;
    }
  }
  return costs;
}
