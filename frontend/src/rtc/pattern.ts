/** A test pattern that gives an encoder work: a turning gradient, drifting discs, and the frame number in digits. */
export function drawPattern(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  number: number,
): void {
  const turn = number / 60;
  const gradient = context.createLinearGradient(
    width / 2 + (Math.cos(turn) * width) / 2,
    height / 2 + (Math.sin(turn) * height) / 2,
    width / 2 - (Math.cos(turn) * width) / 2,
    height / 2 - (Math.sin(turn) * height) / 2,
  );
  gradient.addColorStop(0, `hsl(${(number * 0.7) % 360} 70% 45%)`);
  gradient.addColorStop(1, `hsl(${(number * 0.7 + 120) % 360} 70% 20%)`);
  context.fillStyle = gradient;
  context.fillRect(0, 0, width, height);
  for (let disc = 0; disc < 6; disc++) {
    const angle = turn * (0.6 + disc * 0.15) + disc;
    const x = width / 2 + Math.cos(angle) * width * 0.36;
    const y = height / 2 + Math.sin(angle * 1.3) * height * 0.3;
    context.fillStyle = `hsl(${(disc * 60 + number) % 360} 80% 60% / 0.75)`;
    context.beginPath();
    context.arc(x, y, height * (0.06 + disc * 0.012), 0, Math.PI * 2);
    context.fill();
  }
  context.fillStyle = "#fff";
  context.font = `600 ${Math.round(height / 12)}px ui-monospace, monospace`;
  context.textAlign = "right";
  context.fillText(String(number).padStart(6, "0"), width - height / 24, height - height / 24);
}
