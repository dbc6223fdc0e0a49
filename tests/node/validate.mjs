// Runs the Khronos validator over GLB files named on stdin (one a line); prints [{file, errors, warnings, messages}].
import { readFileSync } from "node:fs";
import validator from "gltf-validator";

const files = readFileSync(0, "utf8").split("\n").filter(Boolean);
const reports = [];
for (const file of files) {
  try {
    const { issues } = await validator.validateBytes(new Uint8Array(readFileSync(file)), { maxIssues: 50 });
    const messages = issues.messages.filter((m) => m.severity < 2).map((m) => `${m.code} ${m.pointer}: ${m.message}`);
    reports.push({ file, errors: issues.numErrors, warnings: issues.numWarnings, messages });
  } catch (error) {
    reports.push({ file, errors: 1, warnings: 0, messages: [String(error)] });
  }
}
process.stdout.write(JSON.stringify(reports));
