// Just enough of CommonJS to load JsSIP from node_modules without a bundler.
'use strict';
const entries = {
  jssip: 'jssip/lib/JsSIP.js',
  events: 'events/events.js',
  debug: 'debug/src/browser.js',
  ms: 'ms/index.js',
  'sdp-transform': 'sdp-transform/lib/index.js',
};
const loaded = new Map();
const process = { env: {} };

function get(path) {
  const request = new XMLHttpRequest();
  request.open('GET', `/node_modules/${path}`, false);
  request.send();
  return request.status === 200 ? request.responseText : null;
}

function load(path) {
  if (loaded.has(path)) return loaded.get(path).exports;
  const module = { exports: {} };
  loaded.set(path, module);
  const text = get(path);
  if (text === null) throw new Error(`no module ${path}`);
  if (path.endsWith('.json')) {
    module.exports = JSON.parse(text);
    return module.exports;
  }
  const folder = new URL('.', `http://x/${path}`).pathname.slice(1);
  const require = (name) => {
    if (!name.startsWith('.')) return load(entries[name]);
    const target = new URL(name, `http://x/${folder}`).pathname.slice(1);
    return load(/\.js(on)?$/.test(target) ? target : `${target}.js`);
  };
  new Function('module', 'exports', 'require', 'process', 'global', text)(module, module.exports, require, process, window);
  return module.exports;
}
