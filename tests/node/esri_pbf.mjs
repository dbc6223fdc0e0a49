// What arcgis-pbf-parser reads in answers of a FeatureServer (f=pbf), whose paths come on standard input: a JSON list.
import { readFileSync } from 'node:fs';
import decode from 'arcgis-pbf-parser';

const files = readFileSync(0, 'utf8').split('\n').filter(Boolean);
process.stdout.write(JSON.stringify(files.map((file) => decode(new Uint8Array(readFileSync(file))))));
