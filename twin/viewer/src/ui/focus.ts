/** Keeping the keyboard where it is while panels are built anew. */

/** Returns a selector that finds the focused element again below `root`, or what stands in its place, after the children were replaced; null when focus is elsewhere. */
export function focusPath(root: HTMLElement, focused: Element | null): string | null {
  if (focused === null || focused === root || !root.contains(focused)) return null;
  const steps: string[] = [];
  for (let element: Element | null = focused; element !== null && element !== root; element = element.parentElement) {
    const index = [...(element.parentElement?.children ?? [])].indexOf(element) + 1;
    steps.unshift(`${element.tagName.toLowerCase()}:nth-child(${index})`);
  }
  return `:scope > ${steps.join(" > ")}`;
}
