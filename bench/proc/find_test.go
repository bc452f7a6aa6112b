package proc

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListenerOf(t *testing.T) {
	for network, addr := range map[string]string{
		"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s"),
	} {
		ln, err := net.Listen(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		at := ln.Addr().String()
		if pid, err := ListenerOf(at); err != nil || pid != os.Getpid() {
			t.Errorf("%s: got process %d, %v, want this one", at, pid, err)
		}
		ln.Close()
		if pid, err := ListenerOf(at); err == nil {
			t.Errorf("%s: got process %d, and nobody listens", at, pid)
		}
	}
	if _, err := ListenerOf("nowhere"); err == nil {
		t.Error("got a listener of an address without a port")
	}
}

func TestDescribe(t *testing.T) {
	command, cores, _ := Describe(os.Getpid())
	if !strings.Contains(command, filepath.Base(os.Args[0])) || cores < 1 {
		t.Errorf("got %q on %d cores", command, cores)
	}
}
