package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/cmd/mcploop/doctor"
)

// TestDoctorOnThisHost runs the built binary, below limits that the shell sets, and holds what it
// says against what the host's own files say.
func TestDoctorOnThisHost(t *testing.T) {
	binary := buildBinary(t)
	run := func(files string, args ...string) (string, int) {
		t.Helper()
		script := "ulimit -n " + files + ` && exec "$0" doctor "$@"`
		args = append([]string{"-c", script, binary}, args...)
		cmd := exec.CommandContext(t.Context(), "sh", args...)
		var faults bytes.Buffer
		cmd.Stderr = &faults
		out, err := cmd.Output()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		return string(out) + faults.String(), cmd.ProcessState.ExitCode()
	}
	const check = "descriptors.process"
	r, status := readReport(t, run, "900", "--connections", "1000", "--json")
	if f := find(t, r, check); status != 2 || r.Status != doctor.Fail || f.Status != doctor.Fail ||
		f.Found != "soft 900, hard 900" || !strings.Contains(f.Cure, "--nofile=1256:1256") {
		t.Errorf("with 900 files: exit status %d, %+v", status, f)
	}
	r, status = readReport(t, run, "900", "--connections", "600", "--format", "json")
	if f := find(t, r, check); f.Status != doctor.OK || (status == 2) != (r.Status == doctor.Fail) {
		t.Errorf("with 900 files for 600: exit status %d, %+v", status, f)
	}
	file, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if f := find(t, r, "net.somaxconn"); err != nil ||
		f.Found != "net.core.somaxconn "+strings.TrimSpace(string(file)) {
		t.Errorf("somaxconn is %q, %v: %+v", file, err, f)
	}
	text, status := run("900", "--connections", "1000")
	for _, want := range []string{
		"fail  descriptors.process   soft 900, hard 900\n", "wanted: hard and soft at least 1256",
		"why:    a connection is a descriptor", "cure:   prlimit",
		"\n1000 connections, 0 messages/s: ",
	} {
		if !strings.Contains(text, want) || status != 2 {
			t.Errorf("want it to say %q: exit status %d\n%s", want, status, text)
		}
	}
	if out, status := run("900", "--pid", "999999999"); status != 1 || !strings.Contains(out,
		"mcploop: cannot look at /proc/999999999: there is no such process") {
		t.Errorf("got exit status %d: %s", status, out)
	}
}

func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mcploop")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	return binary
}

func readReport(
	t *testing.T, run func(string, ...string) (string, int), files string, args ...string,
) (doctor.Report, int) {
	t.Helper()
	out, status := run(files, args...)
	var r doctor.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Findings) < 15 {
		t.Fatalf("got %d findings, %v: %s", len(r.Findings), err, out)
	}
	return r, status
}

func find(t *testing.T, r doctor.Report, check string) doctor.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("nothing of %s in %+v", check, r)
	return doctor.Finding{}
}

// TestDoctorStatus has hosts of files: exit status and how the flags come to the checks.
func TestDoctorStatus(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(want exitStatus, words string, args ...string) {
		t.Helper()
		var out strings.Builder
		cmd := newRootCommand()
		cmd.SetOut(&out)
		cmd.SetArgs(append([]string{"doctor", "--root", root}, args...))
		err := cmd.ExecuteContext(t.Context())
		said := out.String()
		if err != nil {
			said += err.Error()
		}
		var status exitStatus
		switch {
		case errors.As(err, &status):
		case err != nil:
			status = 1 // as main has it
		}
		if status != want || !strings.Contains(said, words) {
			t.Errorf("%q: got %v, want %v and %q\n%s", args, err, want, words, said)
		}
	}
	write("proc/self/limits", "Max open files 20000 20000 files\n")
	write("proc/41/limits", "Max open files 500 500 files\n")
	write("mcploop.yaml", "limits: {connections: 30000}\n")
	write("etc/systemd/system/x.service", "LimitNOFILE=300\n")

	f(0, "warn  net.somaxconn ")
	f(statusWarned, "warn  net.somaxconn ", "--strict")
	f(statusLacking, "soft 500, hard 500", "--pid", "41")
	f(statusLacking, "fail  server.connections ", "--connections", "15001")
	f(statusLacking, "at least 30256", "-c", filepath.Join(root, "mcploop.yaml"))
	f(0, "limits.connections: 30000", "-c", filepath.Join(root, "mcploop.yaml"),
		"--connections", "19000")
	f(statusLacking, "LimitNOFILE=300", "--unit", "x.service")
	f(statusLacking, "LimitNOFILE=300", "--unit", "x")
	write("proc/self/status", "Cpus_allowed_list: 0-1\n")
	f(statusLacking, "fail  cpu.cores ", "--rate", strconv.Itoa(1_000_000))
	write("proc/self/environ", "HOME=/root")
	write("proc/self/cgroup", "0::/a\n")
	write("proc/self/mountinfo", "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	write("sys/fs/cgroup/a/memory.max", "1073741824\n")
	for memory, want := range map[string]string{
		"limit: auto": "serve takes 921.6 MiB of 1.0 GiB (/sys/fs/cgroup/a/memory.max)",
		"limit: off":  "not set, and memory.limit is off", "limit: 300MiB": "is 300.0 MiB\n",
	} {
		write("mcploop.yaml", "memory: {"+memory+"}\n")
		f(0, want, "-c", filepath.Join(root, "mcploop.yaml"))
	}
	f(1, "cannot print format", "--format", "xml")
	f(1, "must be 0 to ", "--rate", "-1")
	f(1, "must be 0 to ", "--connections", "2000000000")
	f(1, "none of the others can be", "--json", "--format", "text")
}
