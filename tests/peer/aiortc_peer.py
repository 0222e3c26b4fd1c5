"""A far end that shares no code with the program: aiortc offers and the program answers, or the other way round.

Talks JSON lines on standard input and output. Usage: aiortc_peer.py CODEC (opus, PCMA or PCMU) offer|answer.

It sends 440 Hz at -12 dBFS and measures what it hears. As the one that offers in five steps: the call, the far end put on
hold by a re-offer (sendonly), resumed, an offer of the program within the call, and the end. As the one that answers in
one.
"""

import asyncio
import fractions
import json
import sys

import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av import AudioFrame

RATE = 48000
FRAME = 960


class Tone(MediaStreamTrack):
    """440 Hz, 20 ms at a time, in real time."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.samples = 0
        self.begin = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        if self.begin is None:
            self.begin = loop.time()
        await asyncio.sleep(max(0, self.begin + self.samples / RATE - loop.time()))
        at = numpy.arange(self.samples, self.samples + FRAME)
        wave = 10 ** (-12 / 20) * 32767 * numpy.sin(2 * numpy.pi * 440 * at / RATE)
        # Stereo, as aiortc's Opus is: mono would be made so at 3 dB less.
        both = numpy.repeat(wave.astype(numpy.int16), 2).reshape(1, -1)
        frame = AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = RATE
        frame.pts = self.samples
        frame.time_base = fractions.Fraction(1, RATE)
        self.samples += FRAME
        return frame


class Ear:
    """What is heard, newest second last."""

    def __init__(self):
        self.heard = []
        self.rate = RATE
        self.frames = 0

    async def listen(self, track):
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray()
            channels = len(frame.layout.channels)
            mono = samples.reshape(-1, channels)[:, 0] if not frame.format.is_planar else samples[0]
            self.rate = frame.sample_rate
            self.frames += 1
            self.heard.append(mono.astype(numpy.float64) / 32768)
            self.heard = self.heard[-100:]

    async def measure(self, seconds):
        self.heard.clear()
        begin = self.frames
        await asyncio.sleep(seconds)
        if not self.heard:
            return {"frames": 0, "hz": None, "dbfs": None}
        wave = numpy.concatenate(self.heard)
        window = numpy.hanning(len(wave))
        bins = 1 << 20
        spectrum = numpy.abs(numpy.fft.rfft(wave * window, bins)) * 2 / window.sum()
        peak = int(spectrum.argmax())
        return {
            "frames": self.frames - begin,
            "hz": peak * self.rate / bins,
            "dbfs": float(20 * numpy.log10(max(spectrum[peak], 1e-9))),
        }


def tell(message):
    print(json.dumps(message), flush=True)


async def read():
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return json.loads(line)


async def negotiate(connection, step):
    await connection.setLocalDescription(await connection.createOffer())
    tell({"step": step, "offer": connection.localDescription.sdp})
    answer = (await read())["answer"]
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def respond(connection, step):
    offer = (await read())["offer"]
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    tell({"step": step, "answer": connection.localDescription.sdp})


async def main(codec, role):
    connection = RTCPeerConnection()
    connected = asyncio.Event()
    ear = Ear()

    @connection.on("connectionstatechange")
    def changed():
        if connection.connectionState == "connected":
            connected.set()

    @connection.on("track")
    def track(track):
        asyncio.ensure_future(ear.listen(track))

    connection.addTrack(Tone())
    transceiver = connection.getTransceivers()[0]
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    wanted = [c for c in codecs if c.mimeType.lower() == f"audio/{codec.lower()}"]
    transceiver.setCodecPreferences(wanted + [c for c in codecs if c not in wanted])

    if role == "answer":
        await respond(connection, "call")
    else:
        await negotiate(connection, "call")
    await asyncio.wait_for(connected.wait(), 10)
    await asyncio.sleep(1)
    tell({"step": "call", "measured": await ear.measure(2)})
    if role == "answer":
        await read()
        await connection.close()
        return

    transceiver.direction = "sendonly"
    await negotiate(connection, "hold")
    await asyncio.sleep(0.5)
    tell({"step": "hold", "measured": await ear.measure(1)})

    transceiver.direction = "sendrecv"
    await negotiate(connection, "resume")
    await asyncio.sleep(1)
    tell({"step": "resume", "measured": await ear.measure(2)})

    await respond(connection, "ours")
    await asyncio.sleep(1)
    tell({"step": "ours", "measured": await ear.measure(2)})

    await read()
    await connection.close()


asyncio.run(main(sys.argv[1], sys.argv[2]))
