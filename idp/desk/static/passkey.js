// Asks the browser for a passkey, and posts what it says. The desk's only script, on the two pages of passkeys alone.
"use strict";
(() => {
  const form = document.getElementById("passkey");
  const failed = document.getElementById("failed");
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failed.hidden = true;
    const options = JSON.parse(form.dataset.options);
    options.challenge = bytes(options.challenge);
    try {
      let made;
      const response = {};
      if (form.dataset.way === "enrol") {
        options.user.id = bytes(options.user.id);
        made = await navigator.credentials.create({ publicKey: options });
        response.attestationObject = text(made.response.attestationObject);
        form.elements.token.value = location.hash.slice(1);
      } else {
        made = await navigator.credentials.get({ publicKey: options });
        response.authenticatorData = text(made.response.authenticatorData);
        response.signature = text(made.response.signature);
        response.userHandle = made.response.userHandle ? text(made.response.userHandle) : null;
      }
      response.clientDataJSON = text(made.response.clientDataJSON);
      form.elements.answer.value = JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response });
      form.submit();
    } catch {
      failed.hidden = false;
    }
  });
})();
