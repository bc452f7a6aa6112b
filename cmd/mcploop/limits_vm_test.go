//go:build vm

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestVMServe: limits of a configuration file are in force, the log says which were met, and serve
// leaves no cgroup behind.
func TestVMServe(t *testing.T) {
	dir := t.TempDir()
	file, logged := filepath.Join(dir, "mcploop.yaml"), filepath.Join(dir, "log")
	const text = "{upstreams: {eats: {command: [sh, -c, 'x=`tr \"\\0\" x </dev/zero`'],\n" +
		"limits: {memory: 64MiB, cpu: 200, pids: 20}}}}"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(logged)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	serve := exec.Command(os.Args[0], "serve", "-c", file, "--unix", filepath.Join(dir, "s"))
	serve.Env = append(os.Environ(), asMain+"=1")
	serve.Stderr = log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if text, err := os.ReadFile(logged); t.Failed() && err == nil {
			t.Logf("the log:\n%s", text)
		}
	}()
	for _, want := range []string{
		"memory 67108864 bytes by cgroup, cpu 2 by cgroup, pids 20 by cgroup",
		"it was killed at its memory limit of 67108864 bytes",
	} {
		soon(t, "the log says "+want, func() bool {
			got, err := os.ReadFile(logged)
			return err == nil && strings.Contains(string(got), want)
		})
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("serve: %v", err)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/mcploop-*")
	if err != nil || len(left) > 0 {
		t.Errorf("cgroups are left: %v, %v", left, err)
	}
}
