/* A device or the master of an RTU bus, on libmodbus, for the tests on pseudo terminals.
 *
 *   rtu_peer server PATH UNIT             registers holding[A] = input[A] = (1000 * UNIT + A) mod 65536, bits as A odd;
 *                                         holding[0] counts the requests; addresses from 500 on are illegal
 *   rtu_peer master PATH PERIOD_MS READ…  READ = UNIT:FUNCTION:ADDRESS:QUANTITY, one after the other every period
 *
 * Both print "ready". The master then prints a line a request: UNIT FUNCTION ADDRESS QUANTITY, then `error N` (the
 * errno of libmodbus) or the values. Function 6 and 16 write QUANTITY as a value, to have other functions on the bus.
 */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 500

static int server(modbus_t *ctx, int unit) {
    modbus_mapping_t *map = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    for (int a = 0; a < SIZE; a++) {
        map->tab_registers[a] = map->tab_input_registers[a] = (uint16_t)(1000 * unit + a);
        map->tab_bits[a] = map->tab_input_bits[a] = a & 1;
    }
    for (;;) {
        int length = modbus_receive(ctx, query);
        if (length > 0) {
            map->tab_registers[0]++;
            modbus_reply(ctx, query, length, map);
        } else if (length < 0 && errno == EIO) {
            return 0; /* the other side of the pseudo terminal is gone */
        } else if (length < 0) {
            modbus_flush(ctx);
        }
    }
}

static void ask(modbus_t *ctx, const char *read) {
    int unit, function, address, quantity, done = -1;
    uint16_t words[125];
    uint8_t bits[2000];
    if (sscanf(read, "%d:%d:%d:%d", &unit, &function, &address, &quantity) != 4) exit(2);
    modbus_set_slave(ctx, unit);
    if (function == 1) done = modbus_read_bits(ctx, address, quantity, bits);
    else if (function == 2) done = modbus_read_input_bits(ctx, address, quantity, bits);
    else if (function == 3) done = modbus_read_registers(ctx, address, quantity, words);
    else if (function == 4) done = modbus_read_input_registers(ctx, address, quantity, words);
    else if (function == 6) done = modbus_write_register(ctx, address, (uint16_t)quantity) < 0 ? -1 : 0;
    else if (function == 16) { words[0] = words[1] = (uint16_t)quantity; done = modbus_write_registers(ctx, address, 2, words) < 0 ? -1 : 0; }
    printf("%d %d %d %d", unit, function, address, quantity);
    if (done < 0) {
        printf(" error %d", errno);
        modbus_flush(ctx);
    }
    for (int i = 0; i < done; i++) printf(" %d", function <= 2 ? bits[i] : words[i]);
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    modbus_t *ctx = modbus_new_rtu(argv[2], 115200, 'N', 8, 1);
    int is_server = !strcmp(argv[1], "server");
    if (!ctx || modbus_set_slave(ctx, is_server ? atoi(argv[3]) : 1) || modbus_connect(ctx)) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    if (is_server) return server(ctx, atoi(argv[3]));
    modbus_set_response_timeout(ctx, 0, 400000);
    for (;;) {
        for (int i = 4; i < argc; i++) ask(ctx, argv[i]);
        usleep(1000 * (useconds_t)atoi(argv[3]));
    }
}
