//go:build ts

package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestTypeScriptPeers needs node and what make peers-ts installs, so it is built with -tags ts.
func TestTypeScriptPeers(t *testing.T) {
	url := func(file string) string {
		addr := freeAddr(t)
		cmd := exec.Command("node", file, "http", addr)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		go func() { failed <- cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		await(t, addr, failed)
		return "http://" + addr + "/mcp"
	}
	checkLegacy(t, url("ts/v1.mjs"))
	v2 := url("ts/v2.mjs")
	checkModern(t, v2)
	checkLegacy(t, v2)
	checkStdio(t, exec.Command("node", "ts/v1.mjs", "stdio"))
	checkStdio(t, exec.Command("node", "ts/v2.mjs", "stdio"))
}
