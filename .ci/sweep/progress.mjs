// hearProgress keeps the progress that comes over a transport. The SDK forgets some of it when the
// result comes in the same packet.
export function hearProgress(transport, progress) {
  const { onmessage } = transport;
  transport.onmessage = (message, extra) => {
    if (message.method === 'notifications/progress') {
      const { progressToken, ...said } = message.params;
      progress.push(said);
    }
    onmessage(message, extra);
  };
}
