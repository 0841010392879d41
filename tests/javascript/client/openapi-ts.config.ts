// The generated imports have extensions, so that Node runs the client as it is.
export default {
  input: process.env.DOCUMENT,
  output: { path: 'motorhead', module: { extension: '.ts' } },
};
