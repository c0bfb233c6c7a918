// A call as the first Scope release's page makes it, without any code of ours in the page.

/**
 * Runs in the page: sends a canvas with numbered frames over bars of `colours`, with one whole offer and no trickle,
 * and reads only `sdp` and `type`. Gives the numbers and the bars of the returned picture, and how many frames the
 * browser sent from the 30th number on; `drawn` stands in the page all the while.
 */
export async function call({ codec, colours, frames }) {
  const { width, height, write, pixel, numberOf } = globalThis.stamps();
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const bar = width / colours.length;
  let number = 0;
  const draw = () => {
    colours.forEach((colour, at) => {
      context.fillStyle = `rgb(${colour})`;
      context.fillRect(at * bar, 0, bar, height);
    });
    write(context, number++);
    globalThis.drawn = number;
  };
  const timer = setInterval(draw, 1000 / 30);

  const connection = new RTCPeerConnection();
  const source = canvas.captureStream(30);
  source.getVideoTracks()[0].contentHint = "detail"; // keeps the size, so that the stamp stays whole
  connection.addTrack(source.getVideoTracks()[0], source);
  const wanted = RTCRtpReceiver.getCapabilities("video").codecs.filter(({ mimeType }) => mimeType === `video/${codec}`);
  connection.getTransceivers()[0].setCodecPreferences(wanted);
  const came = new Promise((came) => (connection.ontrack = ({ streams }) => came(streams[0])));
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") {
    await new Promise((changed) => (connection.onicegatheringstatechange = changed));
  }
  const response = await fetch("/api/v1/webrtc/offer", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sdp: connection.localDescription.sdp, type: connection.localDescription.type }),
  });
  const { sdp, type } = await response.json();
  await connection.setRemoteDescription({ sdp, type });

  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: await came });
  await video.play();
  const framesSent = async () => {
    const report = [...(await connection.getStats()).values()];
    return report.find(({ type, kind }) => type === "outbound-rtp" && kind === "video").framesSent;
  };
  const numbers = [];
  let before = 0;
  while (numbers.length < frames) {
    if (numbers.length === 30) before ||= await framesSent();
    await new Promise((frame) => video.requestVideoFrameCallback(frame));
    const number = numberOf(video);
    if (number !== null) numbers.push(number);
  }
  const sent = (await framesSent()) - before;
  const bars = colours.map((_, at) => pixel((at + 0.5) * bar, height / 2));
  clearInterval(timer);
  connection.close();
  return { numbers, bars, sent };
}

/** Runs in the page: offers to take a picture and sends none. Gives the answer, which the browser has taken. */
export async function receive() {
  const connection = new RTCPeerConnection();
  connection.addTransceiver("video");
  await connection.setLocalDescription();
  const response = await fetch("/api/v1/webrtc/offer", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sdp: connection.localDescription.sdp, type: "offer" }),
  });
  const { sdp, type } = await response.json();
  await connection.setRemoteDescription({ sdp, type });
  return { sdp, type };
}

/** Gives a page what writes a number into a picture and reads it; stands there as `stamps()`. */
export async function teachStamps(page) {
  await page.evaluate(`globalThis.stamps = ${stamps}`);
}

function stamps() {
  const [width, height, COLUMNS, ROWS] = [640, 480, 24, 30];
  const probe = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  const pixel = (x, y) => [...probe.getImageData(x, y, 1, 1).data].slice(0, 3);
  /**
   * What stands under a number: any other one changes half of its 24 bits (Knuth's multiplicative hash). Chromium's VP9
   * encoder leaves single cells as they were, and those of a complement would be stale with the number's own.
   */
  const checkOf = (number) => Math.imul(number, 0x9e3779b1) >>> 8;
  const write = (context, number) => {
    for (const [row, bits] of [number, checkOf(number)].entries()) {
      for (let column = 0; column < COLUMNS; column++) {
        context.fillStyle = (bits >> (COLUMNS - 1 - column)) & 1 ? "white" : "black";
        const [left, top] = [Math.floor((column * width) / COLUMNS), (row * height) / ROWS];
        context.fillRect(left, top, Math.floor(((column + 1) * width) / COLUMNS) - left, height / ROWS);
      }
    }
  };
  const bitsOf = (row) => {
    const cells = Array.from({ length: COLUMNS }, (_, at) => pixel(((at + 0.5) * width) / COLUMNS, ((row + 0.5) * height) / ROWS));
    return cells.reduce((bits, [, green]) => (bits << 1) | (green >= 128 ? 1 : 0), 0);
  };
  const numberOf = (picture) => {
    probe.drawImage(picture, 0, 0, width, height);
    const number = bitsOf(0);
    return bitsOf(1) === checkOf(number) ? number : null;
  };
  return { width, height, pixel, write, numberOf };
}

/** Runs in the page: plays a file to its end. Gives the numbers that were shown, the time reached, and what is wrong. */
export async function play(src) {
  const video = Object.assign(document.createElement("video"), { muted: true, src });
  document.body.append(video);
  const { numberOf } = globalThis.stamps();
  const numbers = [];
  const look = () => {
    const number = numberOf(video);
    if (number !== null) numbers.push(number);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const over = new Promise((over) => (video.onended = video.onerror = over));
  await video.play();
  await over;
  return { numbers, seconds: video.currentTime, error: video.error?.message ?? null };
}
