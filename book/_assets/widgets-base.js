// Runs before require.js: the widgets look for their icon fonts beside the vendored scripts, not beside the page.
var require = { baseUrl: new URL('vendor', document.currentScript.src).href };
