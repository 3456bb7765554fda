// Search in pages that are read from files: browsers allow no workers there, so a hidden frame runs the same script.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      const source = new URL(script, document.baseURI).href.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
      // The script answers with postMessage(data), and is sent messages by postMessage(data, "*").
      const answers = `const send = self.postMessage.bind(self);
        self.postMessage = (data, to) => (to ? send(data, to) : parent.postMessage(data, "*"));`;
      this.frame.srcdoc = `<script>${answers}</script><script src="${source}"></script>`;
      this.frame.addEventListener("load", () => this.begin());
      window.addEventListener("message", (event) => this.hear(event));
      document.body.append(this.frame);
    }

    begin() {
      const waiting = this.waiting;
      this.waiting = null;
      waiting.forEach((data) => this.postMessage(data));
    }

    hear(event) {
      if (event.source === this.frame.contentWindow) {
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      }
    }

    postMessage(data) {
      if (this.waiting) {
        this.waiting.push(data);
      } else {
        this.frame.contentWindow.postMessage(data, "*");
      }
    }

    terminate() {
      this.frame.remove();
    }
  };
}
