import { expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { deriveConfig, deriveManifest } from '../../src/formats/derived-image.ts';
import { archiveOf, oddCharts } from '../support/odd-charts.ts';

/**
 * The first digits of each manifest's digest, its archive described as one byte. Helm itself makes the same of these
 * archives (test/e2e/derived-image.test.ts). Images that were derived are kept, so another digest here means that the
 * same chart is another image for whoever derives it anew.
 */
const golden: Readonly<Record<string, string>> = {
  'numbers where text is meant': '990620a44c6ac83b',
  'whole numbers of every base': '3afb034c1a41b276',
  'words that are truths or nothing': 'ac8857f54dadc506',
  'what is not finite': '9b0c9c7e0b603b3a',
  'dates and times': '39a7d56c60820a45',
  'a version that is a number': 'd08eaeaaae42caa3',
  'a version with build metadata': '538951f7bc7c8569',
  'no apiVersion': '762f8c0e8fe14283',
  'characters that HTML knows': 'cc8801ac49c57a25',
  'separators and escapes': '5074623881eea9e3',
  'characters that cannot be seen': '0142c11a570d3630',
  'letters of the world': '5041810f16ba5c3d',
  'text on several lines': '69def5ec3ce25ad4',
  'keys of every kind': '2e5ccd4c84cea005',
  'fields in other letters': '00c6fe73dcd263b2',
  'a field twice': 'ce696813a2ce6307',
  'fields that differ in case alone': '62f55cf60fb6ecd5',
  merges: 'bfb9518b12037064',
  'merges over what stands before them': '46887fcdecbdf7f4',
  aliases: '388fea809168d318',
  'nothing where something could be': '9dbdbc831787a0dd',
  'text that is quoted or tagged': '2d7bdb929165f140',
  'fields that nobody knows': '762f8c0e8fe14283',
  'dependencies with all they may have': '751919f3cdd1ff63',
  'values to import of any shape': '1fce06827e167317',
  'Chart.yaml in JSON': '3821d489a4f7a66b',
  'a byte order mark and line ends of Windows': '6964567367d71501',
  'directives, comments and an end': 'f53a22330ae7f8eb',
  'documents that follow': '32c1bed8cfb97f0b',
  'tags of its own': 'e4fe301dd8ae72dc',
  'requirements.yaml': '4d055ed5590ce647',
  'dependencies in both places': 'b8599fed1cfbca3c',
  'a requirements.yaml that says more': 'a39f664966119a41',
  'a requirements.yaml with two documents': '0d85647b8acd70d2',
  'several Chart.yaml': 'ae0afa8e49c587ac',
  'maintainers who say little': 'e1e78457327eecb3',
  'one maintainer without a name': 'eb1d13d2536d92b7',
  'annotations that are those of the image': '28302a95f4b16d1c',
};

test.each(oddCharts)('derives the image that it always did from a chart with $about', ({ about, files }) => {
  const config = deriveConfig(archiveOf(files));
  const manifest = deriveManifest(config, { archive: { digest: digestOf(Buffer.from('a')), size: 1 } });
  expect(digestOf(Buffer.from(manifest)).slice(7, 23)).toBe(golden[about]);
});
