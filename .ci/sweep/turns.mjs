// Turns lets calls of a family of upstreams run at the same time, but for those that run alone.
// Upstreams of a family have the same resources, and where all calls share a stream they cannot say
// which of two clients they ask: what one client reads on the path of all may be of the upstream
// that asks another one at this moment.
export class Turns {
  #shared = 0; // calls that run now
  #alone = false;
  #waiting = [];

  async shared(run) {
    await this.#until(() => !this.#alone);
    this.#shared++;
    try { return await run(); } finally { this.#shared--; this.#next(); }
  }

  async alone(run) {
    await this.#until(() => !this.#alone && this.#shared === 0);
    this.#alone = true;
    try { return await run(); } finally { this.#alone = false; this.#next(); }
  }

  async #until(may) {
    while (!may()) await new Promise((resolve) => { this.#waiting.push(resolve); });
  }

  #next() { for (const resolve of this.#waiting.splice(0)) resolve(); }
}
