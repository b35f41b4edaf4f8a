/* A Modbus TCP server on libmodbus for the integration tests: many units, dead units, delays, exceptions,
 * a limit of connections; records what it was asked.
 *
 *   modbus_server [--units N] [--limit N] [--most N] [--unknown silent|gateway]
 *
 * prints "port N", then obeys lines on stdin and answers each with one line:
 *   dead U | alive U | delay U MS | illegal A | legal A | fault U CODE | set TABLE U A V | stats
 * Registers of unit U start as holding[A] = input[A] = (1000 * U + A) mod 65536, bits as A odd.
 * The server is single-threaded on purpose: like a serial gateway, it does one request at a time.
 */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNITS 256
#define SIZE 10000

static modbus_mapping_t *maps[UNITS];
static int dead[UNITS], delay_ms[UNITS], fault[UNITS];
static unsigned char illegal[65536];
static long functions[256], per_unit[UNITS];
static long accepts, refused, requests;
static int unknown_gateway = 0, most = 125, limit = 0;

static void answer_line(void) {
    char line[256];
    char word[32], table[32];
    int a, b, c;
    if (!fgets(line, sizeof line, stdin)) exit(0);
    if (sscanf(line, "dead %d", &a) == 1) dead[a] = 1;
    else if (sscanf(line, "alive %d", &a) == 1) dead[a] = 0;
    else if (sscanf(line, "delay %d %d", &a, &b) == 2) delay_ms[a] = b;
    else if (sscanf(line, "illegal %d", &a) == 1) illegal[a] = 1;
    else if (sscanf(line, "legal %d", &a) == 1) illegal[a] = 0;
    else if (sscanf(line, "fault %d %d", &a, &b) == 2) fault[a] = b;
    else if (sscanf(line, "set %31s %d %d %d", table, &a, &b, &c) == 4) {
        if (!strcmp(table, "holding")) maps[a]->tab_registers[b] = (uint16_t)c;
        else if (!strcmp(table, "input")) maps[a]->tab_input_registers[b] = (uint16_t)c;
        else if (!strcmp(table, "coil")) maps[a]->tab_bits[b] = (uint8_t)c;
        else maps[a]->tab_input_bits[b] = (uint8_t)c;
    } else if (sscanf(line, "%31s", word) == 1 && !strcmp(word, "stats")) {
        printf("{\"accepts\": %ld, \"refused\": %ld, \"requests\": %ld, \"functions\": {", accepts, refused, requests);
        for (a = 0, b = 0; a < 256; a++)
            if (functions[a]) printf("%s\"%d\": %ld", b++ ? ", " : "", a, functions[a]);
        printf("}, \"units\": {");
        for (a = 0, b = 0; a < UNITS; a++)
            if (per_unit[a]) printf("%s\"%d\": %ld", b++ ? ", " : "", a, per_unit[a]);
        printf("}}\n");
        fflush(stdout);
        return;
    }
    printf("ok\n");
    fflush(stdout);
}

static void reply(modbus_t *ctx, const uint8_t *query, int length) {
    int unit = query[6], function = query[7];
    int address = query[8] << 8 | query[9], count = query[10] << 8 | query[11];
    requests++;
    functions[function]++;
    per_unit[unit]++;
    if (!maps[unit]) {
        if (unknown_gateway) modbus_reply_exception(ctx, query, MODBUS_EXCEPTION_GATEWAY_TARGET);
        return;
    }
    if (dead[unit]) return;
    if (delay_ms[unit]) usleep(1000 * delay_ms[unit]);
    if (fault[unit]) {
        modbus_reply_exception(ctx, query, (unsigned)fault[unit]);
        return;
    }
    if (function == 3 || function == 4) {
        if (count > most) {
            modbus_reply_exception(ctx, query, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
            return;
        }
        for (int i = address; i < address + count && i < 65536; i++)
            if (illegal[i]) {
                modbus_reply_exception(ctx, query, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
                return;
            }
    }
    modbus_reply(ctx, query, length, maps[unit]);
}

int main(int argc, char **argv) {
    int units = 1, open = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--units")) units = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--limit")) limit = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--most")) most = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--unknown")) unknown_gateway = !strcmp(argv[i + 1], "gateway");
        else return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdin, NULL, _IONBF, 0); /* select() must see every line */
    for (int u = 1; u <= units; u++) {
        maps[u] = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
        if (!maps[u]) return 1;
        for (int a = 0; a < SIZE; a++) {
            maps[u]->tab_registers[a] = maps[u]->tab_input_registers[a] = (uint16_t)(1000 * u + a);
            maps[u]->tab_bits[a] = maps[u]->tab_input_bits[a] = a & 1;
        }
    }
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", 0);
    int listener = ctx ? modbus_tcp_listen(ctx, 64) : -1;
    if (listener < 0) {
        fprintf(stderr, "listen: %s\n", modbus_strerror(errno));
        return 1;
    }
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);

    fd_set all;
    FD_ZERO(&all);
    FD_SET(0, &all);
    FD_SET(listener, &all);
    int highest = listener;
    for (;;) {
        fd_set ready = all;
        if (select(highest + 1, &ready, NULL, NULL, NULL) < 0) return 1;
        if (FD_ISSET(0, &ready)) answer_line();
        if (FD_ISSET(listener, &ready)) {
            int fd = accept(listener, NULL, NULL);
            if (fd >= 0 && limit && open >= limit) {
                refused++;
                close(fd);
            } else if (fd >= 0) {
                int now = 1; /* or the last answers of a pipelined scan wait for the client's delayed acknowledgement */
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
                accepts++;
                open++;
                FD_SET(fd, &all);
                if (fd > highest) highest = fd;
            }
        }
        for (int fd = 0; fd <= highest; fd++) {
            if (fd == 0 || fd == listener || !FD_ISSET(fd, &ready) || !FD_ISSET(fd, &all)) continue;
            uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
            modbus_set_socket(ctx, fd);
            int length = modbus_receive(ctx, query);
            if (length > 0) reply(ctx, query, length);
            else if (length < 0) {
                close(fd);
                FD_CLR(fd, &all);
                open--;
            }
        }
    }
}
