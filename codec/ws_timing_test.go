package codec

import (
	"fmt"
	"testing"

	"github.com/gobwas/ws"
)

// BenchmarkWS reads and writes one message, with compression and without.
func BenchmarkWS(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		message := treeOf(size)
		var z WSDeflater
		frames := WSFrames{Inflater: &WSInflater{}}
		buf, out := make([]byte, 0, 2*size), make([]byte, 0, 2*size)
		run := func(name string, do func()) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(message)))
				for b.Loop() {
					do()
				}
			})
		}
		read := func(frame []byte) func() {
			return func() { _, _, _, _ = frames.Next(append(buf[:0], frame...)) }
		}
		run("write plain", func() { out = AppendWSText(out[:0], message) })
		run("write compressed", func() { out, _ = z.AppendText(out[:0], message) })
		run("read plain", read(clientFrame(ws.OpText, true, string(message))))
		run("read compressed", read(deflatedFrame(ws.OpText, true, deflate(b, string(message)))))
		b.Logf("%d bytes are %d compressed", len(message), len(out))
	}
}
