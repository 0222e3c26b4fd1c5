// A phone bar in a browser, as plainly as can be: the wire behaviour of the original by fetch and WebSocket, JsSIP for
// the phone, a 1000 Hz tone for a voice. What happens is posted to /report, one JSON object each.
'use strict';

const config = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const report = (step, more = {}) => fetch('/report', { method: 'POST', body: JSON.stringify({ step, ...more }) });
const fail = (why) => { throw new Error(why); };
const must = (holds, why) => holds || fail(why);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// A request as the original makes it: from another origin, with headers that need a preflight.
async function ask(path, fields = {}) {
  const response = await fetch(config.api_server + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: config.token },
    body: JSON.stringify({ agNo: config.ag_no, ...fields }),
  });
  must(response.status === 200, `${path}: HTTP ${response.status}`);
  must(response.headers.get('content-type').includes('json'), `${path}: ${response.headers.get('content-type')}`);
  const reply = await response.json();
  must(reply.code === 0, `${path}: ${JSON.stringify(reply)}`);
  return reply;
}

// Pushes, in the order they came; `next` takes the first that fits.
const pushes = [];
async function next(what, fits) {
  const until = Date.now() + 15000;
  while (Date.now() < until) {
    const at = pushes.findIndex(fits);
    if (at >= 0) return pushes.splice(0, at + 1).pop();
    await sleep(10);
  }
  fail(`${what} was not pushed; pending: ${JSON.stringify(pushes)}`);
}

function link(regId, agSta) {
  const query = `token=${encodeURIComponent(config.token)}&RegID=${encodeURIComponent(regId)}&loginState=${agSta}`;
  const socket = new WebSocket(`${config.ws_server}?${query}`);
  socket.onopen = () => socket.send('Hello Server!');
  socket.onmessage = ({ data }) => (data === 'WARNOFF' ? socket.send('') : pushes.push(JSON.parse(data)));
  setInterval(() => socket.readyState === WebSocket.OPEN && socket.send(''), 10000);
  return socket;
}

// The strongest frequency and the level (of a sine as loud) in a stream.
async function hear(context, stream) {
  const element = document.getElementById('ear');
  element.srcObject = stream;
  element.muted = true;
  const analyser = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(stream).connect(analyser);
  await sleep(2500);
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const strongest = bins.indexOf(Math.max(...bins));
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return { hz: (strongest * context.sampleRate) / analyser.fftSize, dbfs: 10 * Math.log10(2 * power) };
}

async function main() {
  // Asked for as a phone bar does; the fake device only beeps, so the voice is a tone of our own.
  await navigator.mediaDevices.getUserMedia({ audio: true, video: false });
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const tone = new OscillatorNode(context, { frequency: 1000 });
  const voice = context.createMediaStreamDestination();
  tone.connect(new GainNode(context, { gain: 0.2512 })).connect(voice);
  tone.start();

  const { data: rtc } = await ask('/agent/rtcInfo', { phoNum: config.agent_phone });
  must(typeof rtc.phopass === 'string' && Number.isInteger(rtc.expires), `rtcInfo: ${Object.keys(rtc)}`);

  const { data: login } = await ask('/agent/login', { bindTel: config.agent_phone, loginType: 1, state: 0 });
  must(typeof login.regId === 'string' && login.agSta === '0', `login: ${JSON.stringify(login)}`);

  const JsSIP = load(entries.jssip);
  const phone = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(config.sip_ws_server)],
    uri: `sip:ss${rtc.vccId}ss${config.agent_phone}@${config.sip_uri}`,
    password: rtc.phopass,
    session_timers: false,
  });
  const registered = new Promise((done, refused) => {
    phone.on('registered', done);
    phone.on('registrationFailed', ({ cause }) => refused(new Error(`not registered: ${cause}`)));
  });
  const incoming = new Promise((done) => phone.on('newRTCSession', ({ session }) => done(session)));
  phone.start();
  await registered;

  const socket = link(login.regId, login.agSta);
  const first = await next('MT 0', () => true);
  must(first.MT === 0, `first came ${JSON.stringify(first)}`);
  await ask('/agent/ready');
  await next('idle', (push) => push.MT === 4 && push.State === '1');
  await report('ready');

  const session = await incoming;
  await next('ringing', (push) => push.MT === 3 && push.PhoSta === 5 && push.RingType === 1 && push.Caller === '13800138000');
  const sound = new Promise((done) => session.on('peerconnection', ({ peerconnection }) => {
    peerconnection.ontrack = ({ streams, track }) => done(streams[0] ?? new MediaStream([track]));
  }));
  const broken = new Promise((_, refused) => session.on('failed', ({ cause }) => refused(new Error(`call: ${cause}`))));
  session.answer({ mediaStream: voice.stream, pcConfig: { iceServers: [] } });
  const stream = await Promise.race([sound, broken]);
  await next('talking', (push) => push.MT === 3 && push.PhoSta === 6);
  await report('talking', { heard: await hear(context, stream) });
  // The other side is measured while the call is up; its end is asked for by the page's opener.
  await fetch('/go-on');

  await ask('/agent/hangup');
  const over = new Promise((done) => session.on('ended', done));
  if (session.isEstablished()) session.terminate();
  await next('call over', (push) => push.MT === 3 && push.PhoSta === 0);
  if (!session.isEnded()) await over;
  await next('wrap-up', (push) => push.MT === 4 && push.State === '5');
  await report('wrapped up');

  await ask('/agent/logout');
  socket.close();
  phone.stop();
  await report('done');
}

main().catch((error) => report('failed', { why: `${error.message}\n${error.stack}` }));
